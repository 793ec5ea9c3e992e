"""What the index knows by name only: source files that are larger than `MAX_BYTES`, no text, or not to be read.

Nothing of them is in an answer of the index, so such an answer says that they are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from semctxd.index.store import Store

if TYPE_CHECKING:
    from semctx.protocol import NotIndexed

_NAMED = 5


def known_by_name(store: Store, within: str = "") -> NotIndexed:
    """How many, and the first, of those that a file or folder (relative to the root; "" for that) is or holds."""
    found = sorted(path for path in store.unread if within in ("", path) or path.startswith(within + "/"))
    return {"count": len(found), "files": found[:_NAMED]}


def remark(store: Store, within: str = "") -> dict[str, NotIndexed]:
    """What an answer says about them; nothing where there are none."""
    found = known_by_name(store, within)
    return {"not_indexed": found} if found["count"] else {}


def sentence(store: Store, within: str = "") -> str:
    """The same in words, "" where there are none."""
    found = known_by_name(store, within)
    count, names = found["count"], ", ".join(found["files"])
    more = ", …" if count > _NAMED else ""
    return f" Not looked into, as too large, no text or not readable: {names}{more}." if count else ""
