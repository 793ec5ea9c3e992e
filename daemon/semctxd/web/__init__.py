"""The HTTP endpoint for monitoring: opt-in ([http] port), on the loopback interface, read-only."""
