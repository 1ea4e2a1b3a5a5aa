"""Days as the accounts of the ad platforms' servers count them."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

TIME_ZONE = "Europe/Berlin"


def day(number: int) -> str:
    """Today less a number of days, in the account's time zone. Reads the clock at each call: a suite may run over
    midnight."""
    return (datetime.now(ZoneInfo(TIME_ZONE)).date() - timedelta(days=number)).isoformat()
