"""Room 6: deliver. What an `exp_` model holds is compared with what was delivered before, and the difference is sent.

Add here: specs of exports, the delivery ledger, destinations. Keep out: dagster, ingestion, orchestration; hashing of
personal values and consent (SQL, room 5); the decision of when to deliver (orchestration).
"""
