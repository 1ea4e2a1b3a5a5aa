"""HTTP to and from other companies' systems: one layer for sources and destinations.

Add here when both directions, or all sources, need it. Keep out: what one vendor does in its own way.
"""
