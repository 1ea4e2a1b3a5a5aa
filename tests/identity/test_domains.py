"""The one form of a mail domain."""

from __future__ import annotations

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.domains import readable_domain


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("müller.de", "müller.de"),
        ("MÜLLER.de", "müller.de"),
        ("mu\u0308ller.de", "müller.de"),
        ("xn--mller-kva.de", "müller.de"),
        ("XN--MLLER-KVA.DE", "müller.de"),
        ("xn--mller-kva.de.", "müller.de"),
        ("\uff4düller\u3002de", "müller.de"),  # full width
        ("mail.xn--mller-kva.xn--p1ai", "mail.müller.рф"),
        ("straße.de", "straße.de"),
        ("xn--strae-oqa.de", "straße.de"),
        ("strasse.de", "strasse.de"),  # another owner
        ("muller.de", "muller.de"),
        # What is no domain stays.
        ("xn--abc-.de", "xn--abc-.de"),
        ("xn--99999999.de", "xn--99999999.de"),
        ("xn--a.xn--b.xn--c", "xn--a.xn--b.xn--c"),
        ("a_b.müller.de", "a_b.müller.de"),
        ("", ""),
    ],
)
def test_a_domain_has_one_form(written: str, expected: str) -> None:
    assert readable_domain(written) == expected


@given(st.text(st.characters(categories=["Ll", "Lu", "Lo", "Nd"]), min_size=1, max_size=12))
def test_the_form_of_a_form_is_itself(label: str) -> None:
    domain = readable_domain(f"{label}.example")
    assert readable_domain(domain) == domain
    try:
        written = idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return
    assert readable_domain(written) == domain
