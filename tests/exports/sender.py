"""Delivers once, in its own process, which a test may kill: python -m tests.exports.sender <home> <export> <batch
size>.
"""

from __future__ import annotations

import os
import sys

from exports.delivery import deliver
from exports.destinations.webhook.destination import WebhookDestination
from exports.settings import Settings

if __name__ == "__main__":
    home, export, batch_size = sys.argv[1:]
    WebhookDestination.batch_size = int(batch_size)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    deliver(Settings.from_home(home, dict(os.environ)), export, sleep=lambda _: None)
