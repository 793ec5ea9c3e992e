"""semctxd: the semctx daemon."""
