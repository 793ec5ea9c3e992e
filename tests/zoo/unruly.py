"""A language server, made with pygls, that misbehaves in one way where the library lets it: `unruly.py HOW`.

HOW may also be the file, seen from its root, that says how; `rude: garbage` there has `rude.py` send garbage.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

how = sys.argv[1]
if os.path.isfile(how):
    how = Path(how).read_text()
if how.startswith("rude: "):
    rude = str(Path(__file__).with_name("rude.py"))
    os.execv(sys.executable, [sys.executable, rude, how.removeprefix("rude: "), "../record"])
server = LanguageServer("unruly", "1")
hoard: list[bytes] = []


def text(value: object) -> types.Hover:
    return types.Hover(types.MarkupContent(types.MarkupKind.PlainText, str(value)))


@server.feature(types.INITIALIZE)
async def initialize(params: types.InitializeParams) -> None:
    if how == "hangs at its start":
        await asyncio.Event().wait()


@server.feature(types.TEXT_DOCUMENT_HOVER)
async def hover(params: types.HoverParams) -> types.Hover:
    if params.text_document.uri.endswith(".semctx-probe.py"):
        return text("ready")
    if " about " in how and not params.text_document.uri.endswith(how.rpartition(" ")[2]):
        return text("well")
    return text(await misbehave())


async def misbehave() -> Any:
    match how:
        case "ends" | "ends about prices.py":
            print("out of memory", file=sys.stderr, flush=True)
            os._exit(7)
        case "is killed about prices.py":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hangs":
            signal.pause()
        case "stops":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "floods standard error":
            for _ in range(65536):
                print("warning: cheese", file=sys.stderr)
        case "endless progress":
            while True:
                server.protocol.notify("$/progress", {"token": "t", "value": {"kind": "report", "message": "busy"}})
                await asyncio.sleep(0.01)
        case "grows":
            hoard.append(b"x" * 300_000_000)
            await asyncio.Event().wait()
        case "a child grows":
            grow = "import signal; hoard = b'x' * 300_000_000; signal.pause()"
            subprocess.Popen([sys.executable, "-c", grow])
            await asyncio.Event().wait()
    return os.getpid()


if how == "ends at its start":
    print("no licence found", file=sys.stderr, flush=True)
    sys.exit(3)
server.start_io()
