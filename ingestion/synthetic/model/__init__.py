"""The world behind the demo data, as numbered SQL scripts that run in order: macros, words, persons, behaviour.

Add here when people or their behaviour gain something. Keep out: how a source writes it down (shapes).
"""
