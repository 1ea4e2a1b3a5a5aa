"""The rooms as Dagster sees them: one factory per room, fed by the room's own registry.

Add here: a room. Keep out: lists of sources, models or exports: each is found where it is declared.
"""
