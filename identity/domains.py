"""The one form of an internationalised mail domain.

Keep out: which part of an address is its domain (macro normalize_email).
"""

from __future__ import annotations

import idna


def readable_domain(domain: str) -> str:
    """Return a domain as people write it, in the form of UTS 46: `xn--mller-kva.de` and `MÜLLER.de` are `müller.de`.

    Nontransitional, as browsers read it: ß stays, because straße.de and strasse.de may have two owners. A domain that
    is not valid stays as it is.
    """
    try:
        return idna.decode(idna.encode(domain.rstrip("."), uts46=True, transitional=False))
    except idna.IDNAError:
        return domain
