"""What every package uses: the home and its settings, locks, warehouse connections, running dbt, errors, progress.

Add here: what more than one package needs and no package owns. Keep out: imports of our other packages.
"""
