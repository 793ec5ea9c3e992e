"""Configuration: what can be set, where it comes from, and what holds in a workspace."""
