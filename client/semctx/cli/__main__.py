"""`python -m semctx.cli`."""

import sys

from semctx.cli import main

sys.exit(main())
