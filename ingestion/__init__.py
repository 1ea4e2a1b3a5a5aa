"""Room 1, land: outside -> raw_<source>.<entity>. It never imports dagster, exports or orchestration."""
