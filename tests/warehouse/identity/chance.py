"""Random stories: evidence in four batches, with deletions, blocked values and decisions in between.

They have no expected outcome. What must hold for every story must hold for these (test_stories.py), and the rules that
named stories change also change for these. Add here: another kind of line. Keep out: outcomes.
"""

from __future__ import annotations

import random

from tests.warehouse.identity.stories import Story


def random_stories(seed: int, count: int) -> list[Story]:
    """Random stories; equal seeds give equal stories."""
    draw = random.Random(seed)
    return [_story(draw, f"by lot {number}") for number in range(1, count + 1)]


def _story(draw: random.Random, name: str) -> Story:
    told: list[str] = []
    decided: list[str] = []
    batches = []
    for batch in range(4):
        lines = [_evidence(draw) for _ in range(draw.randint(1, 5))]
        told += [line.split()[0] for line in lines]
        if batch:
            lines += [f"!{draw.choice(told)}" for _ in range(draw.choice([0, 1, 1, 2]))]
            lines += _decisions(draw, decided)
        batches.append("\n".join(line for line in lines if line[:2] not in ("!u", "!a")))
    first, second, third, fourth = batches
    return Story(name, (first, second, third, fourth), ("",) * 4)


def _evidence(draw: random.Random) -> str:
    """One record: a contact, profile, requester, account or order; or an event of a visitor."""

    def one(kind: str, most: int = 4) -> str:
        return f"{kind}{draw.randint(1, most)}"

    own = draw.choice("hhkzsouua")
    date = draw.choice(["", "", f" @2026-0{draw.randint(1, 5)}-1{draw.randint(0, 9)}"])
    if own == "a":
        return f"{one('a')} {one('u', 3)} x{draw.randint(1, 3)}{date}"
    if own == "u":
        return (
            f"{one('u', 3)} {draw.choice(['', '<'])}{one('a')}{date}"
            if draw.random() < 0.6
            else (f"{one('u', 3)} {one('a')} {one('e')}{date}")
        )
    named = draw.choice([one("e"), one("p"), f"{one('e')} {one('p')}"])
    login = f" {one('u', 3)}" if own == "z" and draw.random() < 0.4 else ""
    name = draw.choice(["", "", " [Ann/Berg]", " [Bob/Berg]", " [Robert/Berg]", " [A./Berg]", " [Ann/Tal] *1980-02-03"])
    return f"{one(own, 3)}{login} {named}{name}{date}"


def _decisions(draw: random.Random, decided: list[str]) -> list[str]:
    """Sometimes a decision to join two, to keep two apart, or its withdrawal; sometimes a blocked value."""
    lot = draw.random()
    if lot < 0.3:
        first, second = draw.sample(["e1", "e2", "e3", "h1", "k1", "z1", "p1", "u1", "s1"], 2)
        decided.append(f"{first} {second}")
        return [f"{draw.choice('+--')}{first} {second}"]
    if lot < 0.4 and decided:
        return [f"~{draw.choice(decided)}"]
    return [f"#{draw.choice(['e4', 'p4'])}"] if lot > 0.95 else []
