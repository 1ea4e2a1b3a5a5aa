"""HTTP webhook: JSON batches, signed, each under its own idempotency key."""
