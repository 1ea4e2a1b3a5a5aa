"""Extracts sources and lands their records in `raw_<source>.<entity>`, or in quarantine."""
