"""What the command line and Dagster share: homes, stages, the dbt runner, audits, publication. Knows neither of them.

Add here: a stage of the main job, or what two stages need. Keep out: Dagster, Typer, printing.
"""
