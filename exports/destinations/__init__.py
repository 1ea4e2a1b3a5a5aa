"""One folder per destination, each with `destination.py` (how records are sent) and `rendering.py` (how a record is
formatted).

Add here: a folder for a new receiver, with `create(settings) -> Destination` in its destination.py.
Keep out: retries and order (delivery.py), state (ledger.py), consent and hashing (SQL).
"""
