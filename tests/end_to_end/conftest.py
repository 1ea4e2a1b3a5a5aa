"""Fixtures of the end-to-end tests; `demo_home`, `demo_report` and `copied_home` are in tests/conftest.py.

Add here: homes that more than one file of this folder needs. Keep out: assertions.
"""
