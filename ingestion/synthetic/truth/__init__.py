"""What is true of the world, one select per table of the truth directory. Only tests and the scoreboard may read those.

Add here when tests need to know more. Keep out: anything that a source could also tell (shapes).
"""
