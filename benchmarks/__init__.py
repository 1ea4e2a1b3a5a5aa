"""Benchmarks: each compares the product with alternatives and with the physical bound, in one run, as JSON.

Add here: one module per question, with `measure(scale: float) -> dict`. Keep out: assertions about seconds.
"""
