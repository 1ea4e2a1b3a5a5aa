"""Audit and publication: checks what was built, writes the serving file that readers open, and reads it.

Add here: what decides whether a build may be read. Keep out: how it is built (dbt_project/), when (orchestration/).
"""
