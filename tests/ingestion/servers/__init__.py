"""Local servers that behave like the vendors' APIs, for tests of connectors.

Add here: nothing; one module for each vendor, `base.py` for what all of them share, `vendors.py` for the list.
"""
