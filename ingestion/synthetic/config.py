"""The settings of a demo world: size, seed, calendar and the rates of its mess.

Add here when users may set something else. Keep out: how the world is created (world.py and the SQL beside it).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta

SMALLEST_WORLD = 100


@dataclass(frozen=True)
class Mess:
    """The frequency of errors: shares from 0 (never) to 1 (always). The names are the kinds in mess_truth."""

    typos: float = 0.05
    """Records typed by hand (CRM, partner, support, guest orders) with a typo in the name or the e-mail."""
    nicknames: float = 0.08
    """Records with the short form of a given name."""
    accents_lost: float = 0.25
    """Records without the accents of a name."""
    non_latin_names: float = 0.02
    """Persons outside Japan whose name is not in Latin letters; some records have it, some its transcription."""
    changed_surnames: float = 0.02
    """Persons who change their surname within the history."""
    changed_addresses: float = 0.08
    """Persons who move within the history."""
    several_emails: float = 0.25
    """Persons with a second address, used in some of their records."""
    shared_family_phones: float = 0.15
    """Households of two and more who share a landline."""
    shared_tablets: float = 0.12
    """Households of two and more with one tablet on which several of them sign in."""
    kiosk_visits: float = 0.02
    """Customers who sign in once at a kiosk of the shop; they share its cookie (at least about two dozen, unless 0)."""
    role_mailboxes: float = 0.10
    """Business records, typed by hand, with info@ of the company."""
    placeholders: float = 0.015
    """Records typed by hand with test@test.com, or 000-0000 for a phone."""
    recycled_phones: float = 0.02
    """Persons whose mobile number was another customer's before."""
    employees: float = 0.002
    """Customers who work in the shop and sign in as other customers (at least one, unless 0)."""
    crm_duplicates: float = 0.08
    """CRM contacts entered a second time."""
    crm_merges: float = 0.5
    """CRM duplicates that were merged later (the loser is deleted, the winner names it)."""
    late_events: float = 0.01
    """Web events that arrive one to nine days after they happened."""
    duplicate_events: float = 0.005
    """Web events delivered twice under one id."""
    clock_skew: float = 0.01
    """Devices whose clock is wrong by hours or days."""
    deleted_records: float = 0.01
    """CRM contacts and newsletter profiles deleted at the source."""
    bots: float = 0.004
    """Crawlers' cookies, as a share of the customers; each views dozens of pages."""
    foreign_orders: float = 0.01
    """Orders paid in the currency of a country that is not the customer's, and shipped there."""

    def __post_init__(self) -> None:
        for rate in fields(self):
            value = getattr(self, rate.name)
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"mess rate {rate.name} is {value}; a rate is between 0 and 1.")

    def rates(self) -> dict[str, float]:
        """The rates by kind."""
        return {kind: float(value) for kind, value in asdict(self).items()}

    @classmethod
    def none(cls) -> Mess:
        """A world without mess: every rate is 0."""
        return cls(**{rate.name: 0.0 for rate in fields(cls)})


@dataclass(frozen=True)
class WorldConfig:
    """A demo world. Equal configs give equal bytes.

    customers: persons known to at least one system, from 100; half as many visitors stay anonymous. seed: any integer
    of 0..2^31. until: the end of the world (naive UTC); nothing arrives at or after it. history_days: its length
    before `until`, from 90. mess: the rates.
    """

    customers: int = 5000
    seed: int = 7
    until: datetime = datetime(2026, 6, 30)  # noqa: DTZ001 (naive UTC, as in the warehouse)
    history_days: int = 540
    mess: Mess = field(default_factory=Mess)

    def __post_init__(self) -> None:
        if self.customers < SMALLEST_WORLD:
            raise ValueError(f"a world has at least {SMALLEST_WORLD} customers, not {self.customers}.")
        if self.history_days < 90:
            raise ValueError(f"a world has at least 90 days of history, not {self.history_days}.")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"the seed is between 0 and 2^31, not {self.seed}.")
        if self.until.tzinfo is not None:
            raise ValueError("until must be naive UTC.")

    @property
    def starts_at(self) -> datetime:
        """The start of the world."""
        return self.until - timedelta(days=self.history_days)
