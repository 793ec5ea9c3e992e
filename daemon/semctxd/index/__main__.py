"""The indexer process: JSON-RPC with Content-Length framing on standard input and output, one message at a time.

`python -m semctxd.index ROOT [SNAPSHOTS]`. The first message, whichever it is, builds the index; then messages are
taken in order until the input ends. A reply says how long its work took (`took_ms`). With a folder for snapshots, the
index begins with what an earlier run left there, and leaves there what it holds: in a pause after much has changed,
and in the end.
Standard output carries replies, and the notification `state` when that has changed; faults are logged on standard
error and never end the process.
"""

from __future__ import annotations

import gc
import os
import sys
import time
import traceback
from collections.abc import Callable
from select import select
from typing import Any

import msgspec

from semctx.errors import SemctxError
from semctx.framing import Decoder, frame
from semctxd.index import byname, candidate
from semctxd.index.answer import context, relevant_files
from semctxd.index.find import find
from semctxd.index.live import LiveIndex
from semctxd.index.unread import known_by_name

_CHUNK_BYTES = 1 << 16
_PAUSE_S = 1.0
_SELDOM, _MANY = 1000, 10  # collections of young objects before all are looked at: in a question, in a pause


def statistics(live: LiveIndex, _params: dict[str, Any]) -> dict[str, int]:
    """How much the index holds."""
    kinds = [symbol.kind for symbol in live.store.symbols.values()]
    return {
        "files": len(live.store.files),
        "symbols": len(kinds),
        "functions": kinds.count("function") + kinds.count("method"),
        "classes": kinds.count("class"),
    }


def closure(live: LiveIndex, params: dict[str, Any]) -> dict[str, list[str]]:
    """What the file `file` can depend on; paths are relative to the root. Empty where that is not known."""
    return {"files": live.closures.of(params["file"])}


_REQUESTS: dict[str, Callable[[LiveIndex, dict[str, Any]], dict[str, Any]]] = {
    "statistics": statistics,
    "closure": closure,
    "context/query": context,
    "files/relevant": relevant_files,
    "symbols/find": find,
    "symbols/overview": byname.overview,
    "symbols/body": byname.body,
    "symbols/targets": byname.targets,
    "symbols/files": byname.files,
    "show/places": byname.show_places,
    "show/hover": byname.show_hover,
    "show/calls": byname.show_calls,
    "show/diagnostics": byname.show_diagnostics,
    "code/dependents": candidate.dependents,
    "code/judge": candidate.judge,
    "code/nearest": candidate.nearest_names,
    "code/ways": candidate.ways,
}


def changes(live: LiveIndex, params: dict[str, Any]) -> None:
    """Take in what changed: `paths`, or everything. The first one builds the index."""
    if not live.built:
        build(live)
    elif params.get("everything"):
        live.refresh()
    else:
        live.apply(params["paths"])


def overlays(live: LiveIndex, params: dict[str, Any]) -> None:
    """Look at the tree as if it held other texts: `paths` are all that differ, `texts` the new ones among them."""
    if not live.built:
        build(live)
    live.overlay(params["paths"], params["texts"])


_NOTICES: dict[str, Callable[[LiveIndex, dict[str, Any]], None]] = {"changes": changes, "overlays": overlays}


def build(live: LiveIndex) -> None:
    """The first scan. What it makes stays, so the garbage collector need not look at it, then or later. What questions
    leave it looks at in pauses: in a large index that takes up to 80 ms."""
    gc.disable()
    live.refresh()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], _SELDOM)
    gc.enable()


def handle(live: LiveIndex, message: bytes) -> bytes | None:
    """The reply to one message, or None for a notification. Never raises."""
    id = None
    started = time.perf_counter()
    try:
        request = msgspec.json.decode(message)
        id, method, params = request.get("id"), request["method"], request.get("params") or {}
        if method in _NOTICES:
            _NOTICES[method](live, params)
            return None
        if method not in _REQUESTS:
            raise SemctxError("MethodNotFound", f"No method {method!r}.")
        if not live.built:
            build(live)
        reply = {"jsonrpc": "2.0", "id": id, "result": _REQUESTS[method](live, params)}
    except SemctxError as error:
        reply = {"jsonrpc": "2.0", "id": id, "error": error.to_json()}
    except Exception:  # one question that fails must not end the index of all others
        traceback.print_exc()
        reply = {"jsonrpc": "2.0", "id": id, "error": SemctxError("InternalError", traceback.format_exc()).to_json()}
        if id is None:  # what it told is lost: before the next answer, all is looked at
            live.built = False
            return None
    reply["took_ms"] = (time.perf_counter() - started) * 1e3
    return msgspec.json.encode(reply)


def serve(live: LiveIndex, source: int, sink: int) -> None:
    """Answer messages from one descriptor on the other until the first ends."""
    decoder = Decoder(headers=True)
    told = b""
    while data := _next(live, source):
        for message in decoder.feed(data):
            reply = handle(live, message)
            if reply is not None:
                _write(sink, frame(reply, headers=True))
            if (now := state(live)) != told:
                told = now
                _write(sink, frame(now, headers=True))
    if live.built:
        live.overlay([], {})
        for _ in live.keep():
            gc.freeze()


def _next(live: LiveIndex, source: int) -> bytes:
    """What comes next. While nothing does, names are counted, which the first question would wait for; then the index
    is kept, and what questions left is looked at and stays."""
    while not _has_news(source, 0) and live.store.count():
        pass
    is_due = live.is_worth_keeping
    if (is_due or gc.get_count()[2] >= _MANY) and not _has_news(source, _PAUSE_S):
        for _ in live.keep() if is_due else ():
            if _has_news(source, 0):
                break
        else:
            gc.collect()
            gc.freeze()
    return os.read(source, _CHUNK_BYTES)


def _has_news(source: int, within_s: float) -> bool:
    return bool(select([source], [], [], within_s)[0])


def state(live: LiveIndex) -> bytes:
    """What the index holds, and how far the scan is, as a notification (`IndexMetrics` of the protocol)."""
    holds = {
        "files": len(live.store.files),
        "symbols": len(live.store.symbols),
        "read": live.scan.read,
        "to_read": live.scan.to_read,
        "scan_ms": live.scan.seconds * 1e3,
        "updates": live.updates,
        "restored": live.restored,
        "snapshot": live.snapshot.said if live.snapshot else "off",
        "not_indexed": known_by_name(live.store),
    }
    return msgspec.json.encode({"jsonrpc": "2.0", "method": "state", "params": holds})


def _write(sink: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sink, view) :]


def main() -> None:
    """Serve the index of the root named on the command line, with the snapshots of the folder named there, if any."""
    sink = os.dup(1)
    os.dup2(2, 1)  # whatever prints by mistake must not land among the replies
    root, snapshots = [*sys.argv[1:], ""][:2]
    live = LiveIndex(root, lambda live: _write(sink, frame(state(live), headers=True)), snapshots)
    gc.disable()  # see `build`
    live.restore()  # while the tree is being watched
    serve(live, 0, sink)


if __name__ == "__main__":
    main()
