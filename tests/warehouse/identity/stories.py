"""The named scenarios of identity: rows in four batches, and the expected customers after each batch.

A record is a line of short names, a letter for the type and a number: `h1 e1 p1` is HubSpot contact 1 with e-mail 1 and
phone 1. h HubSpot contact, s shop account (its login is the u of the same number), u login, a cookie, e e-mail,
p phone, k Klaviyo profile, z support requester, o guest order, r partner record. `u1 a1 e1` is an identify call,
`a1 u1` a page view, `u1 <a1` an alias call (login 1 went by cookie 1 before). `!h1` deletes, `h1 e1 >h2` says that
HubSpot merged contact 2 into 1, ` @2024-01-01` dates a record, ` x3` repeats an event, ` until ...` ends a partner's
licence, ` [Ann/Berg]` and ` *1980-02-03` are a person's names and birth date. A name with a colon carries its own
value (`e:info@firm.example`).
Decisions: `+e1 e2` include, `-h1 k1` exclude, `~e1 e2` withdraw, `#e1` block, `limit z 1` change a limit,
`shared e 5` change how many persons an identifier may touch before it counts as shared, `lifetime k 9000` change how
many days it stays usable, `tier k 4` or `tier segment_sign_in 5` change the tier of a type or of a match rule.
Two stories never have the same identifier, so all stories share one warehouse.
Add here: a story. Keep out: how a batch is landed and built (telling.py).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Story:
    """One scenario. `batches`: records of four batches, one per line. `outcome`: customers after each batch, separated
    by ` | `. Other identifiers are not checked. A name after `nobody:` has no customer."""

    name: str
    batches: tuple[str, str, str, str]
    outcome: tuple[str, str, str, str]


def _tell(name: str, *steps: tuple[str, str]) -> Story:
    """Fills up to four batches: the added ones are empty, with the same outcome."""
    filled = [*steps, *[("", steps[-1][1])] * (4 - len(steps))]
    first, second, third, fourth = filled
    return Story(
        name,
        (first[0], second[0], third[0], fourth[0]),
        (first[1], second[1], third[1], fourth[1]),
    )


# What programs and people write where there is nobody; a name of a story cannot contain a blank before a letter.
_NOBODY = (
    "nil", "<null>", "NULL\u200b", "\ufeffn/a", "N.A.", "-", "--", "\u2014", "unknown", "ANONYMOUS", "Guest", "0",
    "\\N", "9999999999", "99999999-9999-9999-9999-999999999999", "(null)", "[null]", "<NA>", "#N/A", "-1", "None",
    "NaN", "undefined", "{user_id}", "walk-in", "02:00:00:00:00:00", "0000-0000",
    "00000000-0000-0000-0000-000000000000\u200b",
)  # fmt: skip
_NOBODY_MAILBOXES = ("noemail@shop.example", "none@none.com", "No-Email@x.example", "\u200bunknown@a.example")


def _two_each(values: tuple[str, ...], line: str) -> tuple[str, str]:
    """Two records for each value, and each record a customer of its own. `line`: $ is the record, & the value."""
    records = range(1, 2 * len(values) + 1)
    lines = [line.replace("$", str(record)).replace("&", values[(record - 1) // 2]) for record in records]
    return "\n".join(lines), " | ".join(f"{line[0]}{record}" for record in records)


STORIES = (
    _tell("simple", ("h1 e1 p1", "h1 e1 p1")),
    _tell(
        "chain",
        ("h1 e1", "h1 e1"),
        ("k1 e1 p1", "h1 e1 k1 p1"),
        ("z1 p1", "h1 e1 k1 p1 z1"),
        ("z1 e2 p1", "h1 e1 k1 p1 z1 e2"),
    ),
    _tell("deep single batch", ("h1 e1\nk1 e1 p1\nz1 p1 e2\no1 e2 p2\nr1 p2 e3", "h1 e1 k1 p1 z1 e2 o1 p2 r1 e3")),
    _tell("fan-in", ("h1 e1\nk1 e1", "h1 k1 e1"), ("z1 e1\no1 e1", "h1 k1 e1 z1 o1")),
    _tell(
        "high fan-in",
        ("h1 e1\nh2 e1", "h1 h2 e1"),
        ("h3 e1\nh4 e1", "h1 h2 h3 h4 e1"),
        ("h5 e1", "h1 | h2 | h3 | h4 | h5 | e1"),
        ("h6 e1", "h1 | h2 | h3 | h4 | h5 | h6 | e1"),
    ),
    _tell("fan-out", ("a1 u1\na2 u1", "u1 a1 a2"), ("a3 u1\na4 u1\na5 u1", "u1 a1 a2 a3 a4 a5")),
    _tell("alias of an account", ("a1 u1\na2 u2", "a1 u1 | a2 u2"), ("u2 <u1", "a1 u1 a2 u2")),
    _tell("alias", ("a1\nu1 e1", "a1 | u1 e1"), ("u1 <a1", "u1 a1 e1")),
    _tell("diamond", ("h1 e1 p1", "h1 e1 p1"), ("k1 e1 p1", "h1 e1 p1 k1")),
    _tell("disjoint", ("h1 e1\nk1 e2", "h1 e1 | k1 e2"), ("h2 e3", "h1 e1 | k1 e2 | h2 e3")),
    _tell("self-bridge", ("k1 e1 p1", "k1 e1 p1"), ("k1 e1 p1", "k1 e1 p1"), ("h1 e1 p1", "k1 e1 p1 h1")),
    _tell("merge-only batch", ("h1 e1\nk1 p1", "h1 e1 | k1 p1"), ("h1 e1 p1", "h1 e1 k1 p1")),
    _tell(
        "re-observed child of a merge",
        ("h1 e1\nk1 p1", "h1 e1 | k1 p1"),
        ("h1 e1 p1", "h1 e1 k1 p1"),
        ("k1 p1 e2", "h1 e1 k1 p1 e2"),
        ("k1 p1 e2", "h1 e1 k1 p1 e2"),
    ),
    _tell(
        "three-way bridge",
        ("k1 e1\nk2 p1\nk3 p2", "k1 e1 | k2 p1 | k3 p2"),
        ("h1 e1 p1 p2", "k1 e1 k2 p1 k3 p2 h1"),
    ),
    _tell("bridge that creates", ("k1 e1\nk2 p1", "k1 e1 | k2 p1"), ("z1 e1 p1", "k1 e1 k2 p1 z1")),
    _tell(
        "rapid re-merge",
        ("h1 e1\nk1 p1", "h1 e1 | k1 p1"),
        ("z1 e1 p1", "h1 e1 k1 p1 z1"),
        ("!z1", "h1 e1 | k1 p1"),
        ("z1 e1 p1", "h1 e1 k1 p1 z1"),
    ),
    _tell(
        "reverse chain",
        ("h1 e1\nk1 e2\nk3 e3", "h1 e1 | k1 e2 | k3 e3"),
        ("k1 e2 p1\nk3 e3 p1", "h1 e1 | k1 e2 p1 k3 e3"),
        ("h1 e1 p2\nk1 e2 p2", "h1 e1 p2 k1 e2 p1 k3 e3"),
    ),
    _tell("late event", ("a1\nu1 a2", "a1 | u1 a2"), ("", "a1 | u1 a2"), ("a1 u1 @2025-02-03", "a1 u1 a2")),
    _tell(
        "late merge",
        ("u1 e1", "u1 e1"),
        ("a1", "u1 e1 | a1"),
        ("a1 u1 @2026-03-03", "u1 e1 a1"),
    ),
    _tell("out-of-order duplicate", ("h1 e2", "h1 e2"), ("h1 e1 @2025-01-01", "h1 e1 e2")),
    _tell("user-id conflict", ("a1 u1 x3", "u1 a1"), ("a1 u2", "u1 a1 | u2"), ("a1 u2 x4", "u1 | u2 a1")),
    _tell(
        "merge then conflict",
        ("u1 e1 x2\nh1 p1", "u1 e1 | h1 p1"),
        ("h1 e1 p1", "u1 e1 h1 p1"),
        ("u2 e1", "u1 e1 h1 p1 | u2"),
    ),
    _tell(
        "interleaved merges",
        ("h1 e1\nk1 p1\nh2 e2\nk2 p2", "h1 e1 | k1 p1 | h2 e2 | k2 p2"),
        ("z1 e1 p1\nz2 e2 p2", "h1 e1 k1 p1 z1 | h2 e2 k2 p2 z2"),
    ),
    _tell(
        "shared tablet",
        ("u1 e1\nu2 e2", "u1 e1 | u2 e2"),
        ("a1 u1 x2\na1 u2", "u1 e1 a1 | u2 e2"),
        ("a1 u2 x4", "u1 e1 | u2 e2 a1"),
    ),
    _tell(
        "kiosk cookie",
        ("a1 u1 x2\na1 u2\na1 u3", "u1 a1 | u2 | u3"),
        ("a1 u4", "u1 | u2 | u3 | u4 | a1"),
    ),
    _tell("role mailbox", ("h1 e:info@firm.example\nh2 e:info@firm.example", "h1 | h2 | nobody: e:info@firm.example")),
    _tell(
        "placeholder value",
        ("h1 e:test@test.com\nk1 e:test@test.com", "h1 | k1 | nobody: e:test@test.com"),
        (
            "u1 a:00000000-0000-0000-0000-000000000000\nu2 a:00000000-0000-0000-0000-000000000000",
            "h1 | k1 | u1 | u2 | nobody: e:test@test.com a:00000000-0000-0000-0000-000000000000",
        ),
    ),
    _tell("placeholder id of an account", _two_each(_NOBODY, "z$ u:&")),
    _tell("placeholder id of a device", _two_each(_NOBODY, "u$ a:&")),
    _tell("placeholder mailbox", _two_each(_NOBODY_MAILBOXES, "h$ e:&")),
    _tell("placeholder phone", _two_each(("0000-0000", "+49 9999999999", "n/a 1", "+1 555-555-5555"), "h$ p:&")),
    _tell(
        "mailbox with the word of a form",
        (
            "h1 e:guest@inn.example\nh2 e:guest@inn.example\nk1 e:guestbook@inn.example\nk2 e:guestbook@inn.example",
            "h1 | h2 | k1 k2 e:guestbook@inn.example | nobody: e:guest@inn.example",
        ),
    ),
    _tell(
        "one number in several plans",
        (
            "h1 p:+54 11 4321 5678\nk1 p:+54 9 11 4321 5678\nh2 p:+52 1 55 1234 5678\nk2 p:+52 55 1234 5678",
            "h1 k1 p:+5491143215678 | h2 k2 p:+525512345678",
        ),
        (
            "h3 p:+39 6 1234 5678\nk3 p:+39 06 1234 5678\nh4 p:+54 11 4321 5679",
            "h1 k1 p:+5491143215678 | h2 k2 p:+525512345678 | h3 k3 p:+390612345678 | h4",
        ),
    ),
    _tell(
        "internationalised domain",
        (
            "h1 e:ana@müller.example\nk1 e:ana@xn--mller-kva.example\nh2 e:ana@muller.example",
            "h1 k1 e:ana@müller.example | h2 e:ana@muller.example",
        ),
        ("z1 e:Ana@MÜLLER.Example.", "h1 k1 z1 e:ana@müller.example | h2"),
        ("u:ana@xn--mller-kva.example a1", "h1 k1 z1 a1 u:ana@xn--mller-kva.example e:ana@müller.example | h2"),
    ),
    _tell(
        "family phone",
        ("h1 e1 p1\nh2 e2 p1", "h1 e1 p1 h2 e2"),
        ("h3 e3 p1", "h1 e1 | h2 e2 | h3 e3 | p1"),
    ),
    _tell("recycled phone", ("s1 e1 p1 @2024-09-01", "s1 u1 e1 p1"), ("s2 e2 p1", "s1 u1 e1 | s2 u2 e2 p1")),
    _tell(
        "employee signed in as customer",
        ("a1 u1 x9", "u1 a1"),
        ("a1 u2\na1 u3 x2", "u1 a1 | u2 | u3"),
    ),
    _tell(
        "typo e-mail corrected later",
        ("h1 e9 p1", "h1 e9 p1"),
        ("h1 e1 p1", "h1 e9 e1 p1"),
        ("k1 e1", "h1 e9 e1 p1 k1"),
    ),
    _tell(
        "CRM's own merge",
        ("h1 e1\nh2 e2\nk2 e2", "h1 e1 | h2 e2 k2"),
        ("h1 e1 >h2\n!h2", "h1 e1 h2 e2 k2"),
        ("!h1", "e2 k2"),
    ),
    _tell("CRM record deleted", ("h1 e1 p1\nk1 e1", "h1 e1 p1 k1"), ("!h1", "e1 k1")),
    _tell("identifier expired", ("a1 u1 @2023-02-01\na2 u1", "a1 | u1 a2")),
    _tell("partner's licence ends", ("r1 e1 p1 until 2026-06-29\nr2 e2 p2 until 2026-07-15", "r2 e2 p2")),
    _tell(
        "limit tightened, limit loosened",
        ("z1 e1 p1\nz2 e1", "z1 e1 p1 z2"),
        ("limit z 1", "z1 p1 | z2 e1"),
        ("limit z 10", "z1 e1 p1 z2"),
    ),
    _tell(
        "sharing threshold loosened",
        ("h1 e1\nh2 e1\nh3 e1\nh4 e1\nh5 e1", "h1 | h2 | h3 | h4 | h5 | e1"),
        ("", "h1 | h2 | h3 | h4 | h5 | e1"),
        ("", "h1 | h2 | h3 | h4 | h5 | e1"),
        ("shared e 5", "h1 h2 h3 h4 h5 e1"),
    ),
    _tell(
        "lifetime shortened, lifetime lengthened",
        ("h1 e1\nk1 e1 @2010-01-01", "h1 e1 k1"),
        ("lifetime k 3650", "h1 e1 | k1"),
        ("lifetime k 9000", "h1 e1 k1"),
    ),
    _tell(
        "tier of a rule weakened, strengthened",
        ("u1 e1 x2\ns2 e1", "u1 e1 | s2 u2"),
        ("tier segment_identify 4", "u1 | s2 u2 e1"),
        ("tier segment_identify 2\nu1 e1", "u1 e1 | s2 u2"),
    ),
    _tell(
        "tier of a type weakened, strengthened",
        ("h1 p1", "h1 p1"),
        ("s1 e1\ns2 e2\nz1 e2 p1\nk1 e1 p1", "s1 u1 e1 k1 h1 p1 | s2 u2 e2 z1"),
        ("tier k 4", "s1 u1 e1 k1 | s2 u2 e2 z1 h1 p1"),
        ("tier k 2", "s1 u1 e1 k1 h1 p1 | s2 u2 e2 z1"),
    ),
    _tell(
        "stronger evidence while a tier changes",
        ("a1 u1 x3\na1 u2", "u1 a1 | u2"),
        ("tier segment_sign_in 5", "u1 a1 | u2"),
        ("u2 <a1", "u1 | u2 a1"),
        ("tier segment_alias 6", "u1 a1 | u2"),
    ),
    _tell("blocklist grows", ("h1 e1\nk1 e1", "h1 e1 k1"), ("#e1", "h1 | k1 | nobody: e1")),
    _tell(
        "override include, override withdrawn",
        ("h1 e1\nk1 e2", "h1 e1 | k1 e2"),
        ("+e1 e2", "h1 e1 k1 e2"),
        ("~e1 e2", "h1 e1 | k1 e2"),
    ),
    _tell(
        "override include beats a limit",
        ("s1 e1\ns2 e2", "s1 u1 e1 | s2 u2 e2"),
        ("+s1 s2\n+u1 u2", "s1 u1 e1 s2 u2 e2"),
    ),
    _tell("override exclude", ("h1 e1\nk1 e1", "h1 e1 k1"), ("-h1 k1", "h1 | k1 e1"), ("~h1 k1", "h1 e1 k1")),
    _tell(
        "split then re-merge",
        ("h1 e1\nk1 e1 p1", "h1 e1 k1 p1"),
        ("!k1", "h1 e1 "),
        ("k1 e1 p1", "h1 e1 k1 p1"),
    ),
    _tell("same value in two types", ("o:42 e1\nu:42 a1", "o:42 e1 | u:42 a1")),
    _tell(
        "identifier case and spacing", ("h1 e:  Ann@Case.Example \nk1 e:ann@case.example", "h1 k1 e:ann@case.example")
    ),
    _tell(
        "unicode look-alike", ("h1 e:anna@story.example\nk1 e:\u0430nna@story.example", "h1 e:anna@story.example | k1")
    ),
    _tell("empty and null", ("h1 e:\nk1\nu1 a:", "h1 | k1 | u1")),
    _tell("clock skew", ("a1 u1 @2031-01-01\nh1 e1 @1999-01-01", "a1 u1 | h1 e1"), ("u1 e1", "a1 u1 h1 e1")),
    _tell("two sources that disagree", ("s1 e1\nz1 u2 e1\ns2 e2", "s1 u1 e1 | z1 s2 u2 e2")),
    _tell(
        "contested region goes to the nearest claim",
        ("s1 e1\nk1 e1 p1\nz1 p1 e2\ns2 e2", "s1 u1 e1 k1 | s2 u2 e2 z1 p1"),
    ),
    _tell("guest order", ("o1 e1 p1\no2 e1", "o1 o2 e1 p1"), ("s1 e1", "o1 o2 e1 p1 s1 u1")),
    _tell(
        "spouses with one phone",
        ("h1 e1 p1 [Ann/Berg]", "h1 e1 p1"),
        ("h2 e2 p1 [Bob/Berg]", "h1 e1 | h2 e2 p1"),
        ("k2 e3 p1 [Bob/Berg]\nk1 e1 p1 x2", "h1 e1 p1 k1 | h2 e2 | k2 e3"),
        ("k2 e2 p1 [Bob/Berg]", "h1 e1 k1 | h2 e2 k2 e3 p1"),
    ),
    _tell("siblings with one phone", ("h1 p1 [Mia/Berg]\nh2 p1 [Tim/Berg]\nk1 p1 [Tim/Berg]", "h1 | h2 k1 p1")),
    _tell(
        "twins with one phone",
        (
            "h1 e1 p1 [Anna/Berg] *1990-05-05\nh2 e2 p1 [Anne/Berg] *1990-05-05 @2026-01-01",
            "h1 e1 p1 | h2 e2",
        ),
    ),
    _tell(
        "a junior with the father's name",
        ("h1 p1 [Karl/Berg] *1950-01-02\nh2 p1 [Karl/Berg] *1980-03-04 @2026-01-01", "h1 p1 | h2"),
        ("k1 p1 [Karl/Berg]", "h1 p1 | h2 | k1"),
    ),
    _tell(
        "landline of a family with initials only",
        ("h1 p1 [A./Berg] x2\nh2 p1 [B./Berg]\nk1 p1 [A/Berg]", "h1 k1 p1 | h2"),
        ("z1 p1 [Anna Berg]", "h1 k1 z1 p1 | h2"),
    ),
    _tell(
        "nickname of the same person",
        ("h1 e1 p1 [Robert/Berg]", "h1 e1 p1"),
        ("k1 e2 p1 [Bob/Berg]", "h1 e1 p1 k1 e2"),
    ),
    _tell(
        "changed surname",
        ("h1 e1 p1 [Anna/Berg] *1980-02-03", "h1 e1 p1"),
        ("h2 e2 p1 [Anna/Tal] *1980-02-03\nk1 p1 [Anna/Tal-Berg]", "h1 e1 p1 h2 e2 k1"),
    ),
    _tell(
        "one given name, two families",
        ("h1 e1 p1 [Anna/Berg]\nh2 e2 p1 [Anna/Tal] @2026-01-01", "h1 e1 p1 | h2 e2"),
    ),
    _tell("names swapped and accented", ("h1 e1 p1 [José/Müller]\nk1 e2 p1 [Mueller/Jose]", "h1 e1 p1 k1 e2")),
    _tell(
        "names in two scripts",
        ("h1 e1 p1 [Ольга/Кузнецова]\nk1 e2 p1 [Olga/Kuznetsova]", "h1 e1 p1 k1 e2"),
        ("h2 e3 p1 [Иван/Кузнецов]", "h1 e1 p1 k1 e2 | h2 e3"),
    ),
    _tell(
        "no names at all",
        ("h1 e1 p1 [Ann/Berg]\nz1 e2 p1", "h1 e1 p1 z1 e2"),
        ("h2 e3 p1 [Bob/Berg] @2026-01-01", "h1 e1 p1 | z1 e2 | h2 e3"),
        ("z1 e3 p1", "h1 e1 | h2 e3 z1 e2 p1"),
    ),
    _tell(
        "tablet of two signed-in persons",
        ("h1 e1 [Ann/Berg]\nh2 e2 [Bob/Berg]\nu1 a1 e1 x2", "h1 e1 u1 a1 | h2 e2"),
        ("u2 a1 e2", "h1 e1 u1 a1 | h2 e2 u2"),
    ),
    _tell(
        "override include beats two names",
        ("h1 e1 p1 [Ann/Berg]\nh2 e2 p1 [Bob/Berg] @2026-01-01", "h1 e1 p1 | h2 e2"),
        ("+h1 h2", "h1 e1 p1 h2 e2"),
        ("~h1 h2", "h1 e1 p1 | h2 e2"),
    ),
)
