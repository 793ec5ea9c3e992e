"""Language servers: the registry, the session with one of them, and what keeps it fresh."""
