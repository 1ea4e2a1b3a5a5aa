"""Identity in Python: matches person records that share no identifier, explains the graph, records decisions.

Add here: steps of matching, and reads of the identity graph. Keep out: where records come from and what becomes of
the result (dbt models and `merganser identity evaluate` both call `identity.kept_scores.judge`).
"""
