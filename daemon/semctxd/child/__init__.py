"""Child processes: what language servers and the indexer have in common."""
