"""Local servers that behave as the vendors' do, for the connectors' tests.

Add here: nothing; one module for each vendor, `base.py` for what all of them share, `vendors.py` for the list.
"""
