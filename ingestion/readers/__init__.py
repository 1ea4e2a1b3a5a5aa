"""Readers: from landing files to records with declared columns. `incoming.stage` is the way in.

Add here when a file format or a rule of fields is added: one module per format.
"""
