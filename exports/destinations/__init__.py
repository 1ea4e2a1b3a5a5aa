"""One folder per destination, each with `destination.py` (what is sent how) and `rendering.py` (what a record looks
like there).

Add here when: a new receiver is supported: a folder whose destination.py offers `create(settings) -> Destination`.
Keep out: retries and order (delivery.py), state (ledger.py), consent and hashing (SQL).
"""
