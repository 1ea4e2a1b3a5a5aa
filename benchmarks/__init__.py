"""What is measured, beside what a user would pick instead and the physical bound, in one run, as JSON.

Add here: one module per question, with `measure(scale: float) -> dict`. Keep out: assertions about seconds.
"""
