"""Tells which person records are one person although no identifier says so: comparisons, a model, a guarded closure.

Add here: a module for a step between person records and clusters of them. Keep out: where records come from and what
becomes of the answer (dbt's models and `merganser identity evaluate` both call `identity.linking.link`). This room
imports no other: what it has to know of the project's rules is handed to it.
"""
