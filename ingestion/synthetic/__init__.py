"""The demo business: a seeded world with known truth, written in the raw shapes of the sources' own loaders.

    from ingestion.synthetic import WorldConfig, write_world
    report = write_world(WorldConfig(customers=5000), landing_dir, truth_dir)

Add here when the demo needs another habit of people, another mess or another source: model/ says what happens,
shapes/ how each source writes it down, truth/ what tests may know. Keep out: anything that real data passes through.
"""

from ingestion.synthetic.config import Mess, WorldConfig
from ingestion.synthetic.world import World, WorldReport, WrittenFile, write_world

__all__ = ["Mess", "World", "WorldConfig", "WorldReport", "WrittenFile", "write_world"]
