"""Dagster's definitions: one factory per stage, which reads a registry.

Add here: a factory. Keep out: lists of sources, models or exports: the factories find them by declaration.
"""
