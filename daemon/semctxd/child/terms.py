"""What the children of a daemon may take."""

from __future__ import annotations

import msgspec

from semctxd.child.warden import Warden
from semctxd.config.schema import Sessions


class Terms(msgspec.Struct):
    """What children may take, by the configuration as it is now, and who ends them if the daemon cannot."""

    deadline_s: float  # of a request
    bounds: Sessions
    warden: Warden
    snapshots: str = ""  # folder where indexers keep what they hold; "" for none
