"""One session with one language server: handshake, readiness, the server's own requests, and what it wants watched."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec
from anyio import to_thread

from semctx.errors import SemctxError
from semctxd.child.base import Child, Spawn
from semctxd.child.crashes import Suspects
from semctxd.child.kind import Completeness
from semctxd.child.messages import Asked, Message, Reply
from semctxd.child.terms import Terms
from semctxd.errors import FileEndsServer, ServerError
from semctxd.lsp.handshake import filled, initialize, nothing, result_for, scrubbed
from semctxd.lsp.interpreter import environment_file, import_folders
from semctxd.lsp.opened import Opened
from semctxd.lsp.readiness import GIVE_UP_S, Readiness
from semctxd.lsp.registry import Server
from semctxd.lsp.requests import READ_ONLY, Spelt, subject
from semctxd.lsp.shown import Shown
from semctxd.lsp.sync import Ledger, notification, to_uri
from semctxd.lsp.turns import Turns
from semctxd.lsp.typed import load
from semctxd.model import ANY, DISK, Change, Depends, Overlays, What

Watch = Callable[[str, bool, Callable[[], None]], None]
"""Watch a folder (with all below it); call back when the watch stands."""

_METHOD_NOT_FOUND = -32601
_REQUEST_CANCELLED, _CONTENT_MODIFIED, _SERVER_CANCELLED = -32800, -32801, -32802
_MAX_REPORTED = 10_000


class Host(NamedTuple):
    """The workspace, as the sessions with its language servers see it."""

    root: str
    terms: Terms
    spawn: Spawn
    changed: Callable[[Child], None]
    watch: Watch
    apply: Callable[[list[Change]], None]


class LspSession(Child):
    """A language server for (workspace, language, server, environment), shared by all clients.

    `reported` holds the files outside the root that the server itself named, in any of its runs: answers that
    name them are kept longer than a run.
    """

    def __init__(
        self,
        name: str,
        argv: list[str],
        server: Server,
        *,
        identity: str,
        language_id: str,
        interpreter: str,
        host: Host,
    ) -> None:
        root, env = host.root, scrubbed(os.environ)
        super().__init__(name, argv, cwd=root, env=env, terms=host.terms, spawn=host.spawn, changed=host.changed)
        self.identity = identity
        self.root = root
        self.interpreter = interpreter
        self.reported: dict[str, None] = {}
        inside = re.escape(to_uri(root).removeprefix("file://").encode())
        # a literal to begin with is searched for fast
        self._find_outside = re.compile(rb'"file://(?!%s/)([^"\\]+)"' % inside).findall
        self._server = server
        self._host = host
        self._watches_due = 0
        self._probed = False
        self._opened = Opened(language_id)
        self._readiness = Readiness(server)
        self._patience: asyncio.TimerHandle | None = None
        self._serves = False  # it answered a client, in any of its runs
        self._suspects = Suspects()
        self.ledger = Ledger(root, server.sync, language_id)
        self._language_id = language_id
        self._turns, self._shown = Turns(), Shown(language_id)

    # -- Child

    def notice(self, changes: Iterable[Change]) -> None:
        """See Child. A file that has changed may do no harm any more."""
        if self._suspects:
            changes = list(changes)
            self._suspects.clear(change.path for change in changes)
        if self.state not in ("stopped", "crashed", "failed"):
            self.ledger.add(changes)

    def ask(self, method: str, params: bytes, reply: Reply, overlays: Overlays = DISK) -> int:
        """See Child. Where the server needs another run, or time, to take in what has changed, the request waits."""
        if self.takes_requests:
            if self.ledger.outdated:
                self.renew()
            elif self._server.sign:
                self._tell()
                if self._readiness.due and not self._readiness.is_late:
                    self._wait_for_sign()
        return super().ask(method, params, reply, overlays)

    def refusal(self, asked: Asked) -> SemctxError | None:
        """See Child: what ended the server again and again is kept from it."""
        if self._suspects and (file := subject(asked)) in self._suspects:
            return FileEndsServer(f"{self.name} ended twice while it was asked about {file}")
        return super().refusal(asked)

    @property
    def refuses_files(self) -> bool:
        """Whether there are files that it is not asked about now."""
        return self._suspects.convicted

    def restart(self) -> None:
        """See Child."""
        self._suspects = Suspects()
        super().restart()

    def ended_itself(self) -> None:
        """See Child: what it was asked about is suspect, if it ever answered anything."""
        if self._serves:
            under_way = [subject(asked) for _, asked in self.requests.waiting() if asked.sent_at]
            self._suspects.add(filter(None, set(under_way)))

    def doubt(self, files: Iterable[str]) -> None:
        """Files of which no change is told are about to be asked about."""
        if not self._server.opens:
            self.notice(Change(file, What.MODIFIED) for file in files)

    def is_due(self, number: int, overlays: Overlays) -> bool:
        """See Child: when the server shows those overlays, or can be switched to them."""
        return self._turns.ask(number, overlays)

    def settled(self, number: int) -> None:
        """See Child: it may be another view's turn."""
        if self.takes_requests:
            for due in self._turns.settle(number):
                self.release(due)

    def bring(self, overlays: Overlays) -> None:
        """See Child: show the overlays, then settle the ledger."""
        if switch := self._shown.switch(overlays):
            self.write(*self._opened.close_all(), *switch)
            self.ledger.shows(self._shown.files)
        self._tell()

    def _tell(self) -> None:
        """Settle the ledger."""
        if self.ledger and not self.ledger.outdated:
            cure = self.ledger.settle(self.requests.quiet_ns, time.time_ns(), shown=self._shown.files)
            self.write(*cure.messages)
            self.nudged += cure.nudges
            self._readiness.told(cure.signs)
            for uri in cure.read:
                document = msgspec.json.encode({"textDocument": {"uri": uri}})
                self.send("textDocument/documentSymbol", document, lambda raw, error: None)

    async def prepare(self) -> None:
        """See Child."""
        await to_thread.run_sync(load)

    def begin(self) -> None:
        """See Child: watch the environment, whose version servers read only once, then shake hands."""
        self._probed, self._readiness = False, Readiness(self._server)
        self._turns, self._shown = Turns(), Shown(self._language_id)
        environment = environment_file(self.interpreter)
        folders = [(os.path.dirname(environment), False)] if os.path.exists(environment) else []
        if self._server.dependencies == "watched":
            folders += [(folder, True) for folder in import_folders(self.interpreter)]
        self._watches_due = len(folders)
        for folder, below in folders:
            self._host.watch(folder, below, partial(self._shake_hands, self._run))
        if not folders:
            self._watches_due = 1
            self._shake_hands(self._run)

    def _shake_hands(self, run: int) -> None:
        """When all watches stand: initialize, then send a probe, whose reply comes after the server's registrations."""
        if run != self._run or self.state != "starting":
            return
        self._watches_due -= 1
        if self._watches_due:
            return
        self.send("initialize", initialize(self.root, self._filled(self._server.options)), self._initialized)

    def farewell(self) -> None:
        """See Child."""
        self.write(b'{"jsonrpc":"2.0","id":0,"method":"shutdown"}', notification("exit", {}))

    def forget(self) -> None:
        """See Child."""
        self.ledger.clear()
        self._opened.clear()
        self._end_patience()

    def refused(self, error: bytes) -> SemctxError:
        """See Child: the server's own error, or the sign that it must be asked again."""
        said = msgspec.json.decode(error, type=dict[str, Any])
        if said.get("code") in (_REQUEST_CANCELLED, _CONTENT_MODIFIED, _SERVER_CANCELLED):
            return AskAgain(self.name)
        hint = "Choose another server for this: see docs/servers.md." if said.get("code") == _METHOD_NOT_FOUND else ""
        return ServerError(f"{self.name}: {said.get('message', '')}", hint=hint)

    def message(self, message: Message) -> None:
        """See Child: answer every request of the server with a result; servers stall or die without."""
        if not message.id:
            if self._readiness.hears(message.method, bytes(message.params), time.perf_counter()):
                self._settled_down()
            return
        try:
            result = result_for(message, self.root, self._filled(self._server.settings), self._watch_folders)
        except Exception as error:  # a converter trips over a misshapen request in its own way each time
            self.broken(f"{self.name} sent a {message.method} that is none: {error}")
            return
        self.write(msgspec.json.encode({"jsonrpc": "2.0", "id": message.id, "result": result}))

    # -- what the answers are for

    @property
    def usual_completeness(self) -> Completeness:
        """What an answer may lack that comes from a server at rest."""
        return self._readiness.usual

    @property
    def completeness(self) -> Completeness:
        """See Child."""
        assert self.requests.answering is not None
        return self._readiness.completeness(self.requests.answering.sent_at)

    def _write(self, number: int, asked: Asked) -> None:
        if self._server.opens:
            self.write(*self._opened.before(number, asked.params, self._shown.files))
        super()._write(number, asked)

    def replied(self, message: Message) -> None:
        """See Child: what was opened for the request alone is closed."""
        if self._server.opens and (number := bytes(message.id)).isdigit():
            self.write(*self._opened.after(int(number)))
        super().replied(message)

    def depends(self, method: str, spelt: Spelt) -> Depends:
        """What an answer depends on. One that names several files depends on any."""
        scope = READ_ONLY[method]
        if scope == "any" or len(spelt.files) != 1 or (scope == "imports" and not self._server.narrow):
            return ANY
        return Depends(spelt.files[0], imports=scope == "imports")

    def note_reported(self, raw: bytes) -> None:
        """It answered a client. Remember the files outside the root that the answer names, which may be asked about."""
        self._serves = True
        for path in self._find_outside(raw):
            if len(self.reported) < _MAX_REPORTED:
                self.reported[unquote(path.decode())] = None

    # -- handshake

    def _initialized(self, raw: bytes | None, error: SemctxError | None) -> None:
        if error is not None:
            self.broken(f"{self.name} refused to initialize: {error.message}")
            return
        self.write(notification("initialized", {}))
        self.send(self._server.probe, nothing(self.root), self._answered_probe)

    def _answered_probe(self, raw: bytes | None, error: SemctxError | None) -> None:
        self._probed = True
        self._ready_when_watched()

    def _filled(self, setting: object) -> Any:
        return filled(setting, {"{interpreter}": self.interpreter})

    def _watch_folders(self, folders: set[str]) -> None:
        """Watch what the server registered outside the root. It may have read a folder before the watch stood, so
        it is told of the folder then. An ancestor of another such folder (a Python prefix, such as /usr) is watched by
        itself, not with all below."""
        for folder in sorted(folders - {self.root}):
            below = not any(other.startswith(folder + "/") for other in folders)
            self._watches_due += 1
            self._host.watch(folder, below, partial(self._watched, folder, self._run))

    def _watched(self, folder: str, run: int) -> None:
        if run != self._run:
            return
        self._watches_due -= 1
        news = [Change(folder, What.APPEARED, is_folder=True)]
        if self._server.dependencies == "watched":
            pass  # all that installations change was watched before the server began
        elif self.takes_requests:  # it may have answered from what changed before the watch stood
            self._host.apply(news)
        else:
            self.notice(news)
        self._ready_when_watched()

    def _ready_when_watched(self) -> None:
        """All that must come before the first request has come, but for the server's sign."""
        if not self._probed or self._watches_due or self.state != "starting":
            return
        if self.ledger.outdated:
            self.renew()
            return
        self._tell()
        if self._readiness.due:
            self._wait_for_sign()
            self.ready("indexing", self.why)
        else:
            self.ready()

    # -- readiness

    def _wait_for_sign(self) -> None:
        """Requests wait until the server has taken in what it was told."""
        if not self._turns.is_held:
            assert self._server.sign is not None
            self._turns.hold()
            if self.state == "ready":
                self._set("indexing", f"{self.name} reads what is new")
            self._patience = self._loop.call_later(self._server.sign.patience_s, self._lose_patience)

    def _lose_patience(self) -> None:
        """Requests wait no longer: until the sign comes, their answers are marked. There is none for a notice that had
        nothing to say to the server; its reply to a later request stands for it then."""
        self._readiness.is_late = True
        if self._readiness.has_begun:
            self.send(self._server.probe, nothing(self.root), partial(self._answered_late, self._readiness.due))
        else:
            self._patience = self._loop.call_later(GIVE_UP_S, self._give_up_sign)
        self._resume()

    def _answered_late(self, signs: int, raw: bytes | None, error: SemctxError | None) -> None:
        if self._readiness.is_late and self._readiness.settle(signs, time.perf_counter()):
            self._settled_down()

    def _give_up_sign(self) -> None:
        self._readiness.give_up()
        self._settled_down()

    def _settled_down(self) -> None:
        """The server has taken in what it was told."""
        self._end_patience()
        if self.state == "indexing":
            self._set("ready")
            self._resume()

    def _resume(self) -> None:
        for due in self._turns.resume():
            self.release(due)

    def _end_patience(self) -> None:
        if self._patience:
            self._patience.cancel()
            self._patience = None


class AskAgain(SemctxError):
    """The server dropped the request because the content changed: ask again. A client sees it, as a ServerError, only
    from a server that drops the request each time."""

    def __init__(self, name: str) -> None:
        message = f"{name} drops the request again and again: the content changes"
        super().__init__("ServerError", message, hint="Retry.")
