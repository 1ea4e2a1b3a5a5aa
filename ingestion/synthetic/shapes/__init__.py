"""How each source writes the world down: one select per raw entity, `<source>__<entity>.sql`, named as in source.yml.

Every select carries two columns more than the entity: `_arrived_at` (when the loader got the record) and `_order` (what
orders records that arrived in one moment); one that is sorted already has no `_order`. Add here when a source gains an
entity. Keep out: decisions about people (model).
"""
