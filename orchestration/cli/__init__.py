"""The `merganser` command: one module per command group, and what the commands print.

Add here: options, arguments, tables and messages of a command. Keep out: the work itself (the other packages).
"""
