"""Delivery of syncs: compares an `exp_` model with what was delivered before, and sends the difference.

Add here: export specifications, the delivery ledger, destinations. Keep out: consent and hashing of personal values
(SQL, in `dbt_project/models/exports`); when to deliver (orchestration).
"""
