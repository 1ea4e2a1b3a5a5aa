"""Audits a build and publishes it: writes the serving file that readers open.

Add here: what decides whether a build is published. Keep out: how it is built (dbt_project/), when (orchestration/).
"""
