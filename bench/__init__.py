"""Benchmarks of the daemon, as a user meets it: `python -m bench NAME [--quick] [--json]`.

Nothing here is imported by the daemon, and of the daemon nothing is on a measured path but its socket.
"""
