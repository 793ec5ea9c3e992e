"""Those who are asked by `peers`, while they run: MCP servers over stdio, a private ty, and semctx."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

import psutil

import semctx
from bench import peers_read as reads
from bench.daemon import PATIENCE_S, Daemon, environment
from bench.oracle import Ty, at
from bench.peers_install import run_once
from bench.peers_specs import MARK, Spec
from bench.peers_truth import Found, Operation, Question

if TYPE_CHECKING:
    from mcp import Client

    from semctx.connection import Connection
    from semctx.protocol import SymbolLimits

_ALL_PLACES: SymbolLimits = {"files": 1000, "places": 1000}  # the peers give all, too
_ALL_SYMBOLS: SymbolLimits = {"symbols": 1000}


class Unanswered(Exception):
    """An error in place of an answer, or none in time."""


class Asked(Protocol):
    """One instance: a process of its own, where it is not semctx."""

    name: str

    def offers(self, operation: Operation) -> bool:
        """Whether it has such an operation."""
        ...

    async def ask(self, operation: Operation, question: Question) -> Any:
        """The answer as it comes. Raises Unanswered."""
        ...

    def read(self, operation: Operation, question: Question, answer: Any) -> Found:
        """What it says. Raises ValueError, KeyError or IndexError where it is no answer."""
        ...


# -- over MCP


def prepared(spec: Spec) -> None:
    """Do what is done once for a repository. Raises Missing."""
    if spec.prepare:
        run_once(spec.prepare, spec.environment)


class Served:
    """An MCP server that was started, with the SDK's client."""

    def __init__(self, spec: Spec, client: Client) -> None:
        self.name = spec.name
        self._ways = spec.ways
        self._client = client
        self._more: dict[str, Any] = {}

    def offers(self, operation: Operation) -> bool:
        return operation in self._ways

    async def ask(self, operation: Operation, question: Question) -> str:
        way = self._ways[operation]
        return await self.call(way.tool, {**self._more, **way.arguments(question)})

    def read(self, operation: Operation, question: Question, answer: str) -> Found:
        return self._ways[operation].read(answer, question)

    async def register(self, tool: str, arguments: dict[str, Any]) -> None:
        self._more = {"project_id": json.loads(await self.call(tool, arguments))["project_id"]}

    async def call(self, tool: str, arguments: dict[str, Any]) -> str:
        from mcp import MCPError

        try:
            result = await self._client.call_tool(tool, arguments)
        except MCPError as error:
            raise Unanswered(f"{self.name}: {tool}: {error}") from error
        text = "".join(getattr(part, "text", "") for part in result.content)
        if result.is_error:
            raise Unanswered(f"{self.name}: {tool}: {text}")
        return text


@asynccontextmanager
async def served(spec: Spec, root: str) -> AsyncIterator[Served]:
    """One more instance, from its process to its registration; at the end all of the peer's processes are ended."""
    from mcp import Client, StdioServerParameters, stdio_client

    program, *arguments = spec.command
    parameters = StdioServerParameters(command=program, args=arguments, env=spec.environment, cwd=root)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        async with Client(stdio_client(parameters, errlog=nowhere), read_timeout_seconds=PATIENCE_S) as client:
            try:
                made = Served(spec, client)
                if spec.register:
                    await made.register(*spec.register)
                yield made
            finally:
                end(spec)


def processes(spec: Spec) -> list[psutil.Process]:
    """All processes of a peer's instances."""
    marked = list(_marked(spec.environment[MARK]))
    below = [child for one in marked for child in children(one)]
    return list({one.pid: one for one in (*marked, *below)}.values())


def _marked(mark: str) -> Iterator[psutil.Process]:
    for one in psutil.process_iter():
        with suppress(psutil.Error):
            if one.environ().get(MARK) == mark:
                yield one


def children(process: psutil.Process) -> list[psutil.Process]:
    """All that it started, and what those started; none where it is gone."""
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def end(spec: Spec) -> None:
    """End all processes of a peer."""
    for one in processes(spec):
        with suppress(psutil.NoSuchProcess):
            one.kill()


# -- a private language server


class Private:
    """A conversation with ty, without anything between."""

    name = "private ty"

    def __init__(self, ty: Ty) -> None:
        self._ty = ty

    def offers(self, operation: Operation) -> bool:
        return True

    async def ask(self, operation: Operation, question: Question) -> Any:
        root = self._ty.root
        name = at(root, question.file, question.line - 1, question.column)
        match operation:
            case "find":
                return self._ty.ask("workspace/symbol", {"query": question.name})
            case "overview":
                return self._ty.ask("textDocument/documentSymbol", at(root, question.file))
            case "references":
                return self._ty.ask("textDocument/references", {**name, "context": {"includeDeclaration": False}})
            case "definition":
                use = at(root, question.use_file, question.use_line - 1, question.use_column)
                return self._ty.ask("textDocument/definition", use)
            case "hover":
                return self._ty.ask("textDocument/hover", name)

    def read(self, operation: Operation, question: Question, answer: Any) -> Found:
        match operation:
            case "find":
                return reads.lsp_symbols(answer, question.name, self._ty.root)
            case "overview":
                return reads.lsp_overview(answer)
            case "hover":
                return reads.lsp_hover(answer)
            case _:
                return reads.lsp_places(answer, self._ty.root)


# -- semctx


class Ours:
    """A connection of the client library to a daemon."""

    name = "semctx"

    def __init__(self, connection: Connection) -> None:
        self._daemon = connection

    def offers(self, operation: Operation) -> bool:
        return True

    async def ask(self, operation: Operation, question: Question) -> Any:
        match operation:
            case "find":
                return self._daemon.find(question.name)
            case "overview":
                return self._daemon.overview(question.file, limits=_ALL_SYMBOLS)
            case "references":
                return self._daemon.references(
                    file=question.file, line=question.line, column=question.column, limits=_ALL_PLACES
                )
            case "definition":
                return self._daemon.definition(
                    file=question.use_file, line=question.use_line, column=question.use_column
                )
            case "hover":
                return self._daemon.hover(file=question.file, line=question.line, column=question.column)

    def read(self, operation: Operation, question: Question, answer: Any) -> Found:
        match operation:
            case "find":
                return reads.semctx_symbols(answer)
            case "overview":
                return reads.semctx_overview(answer)
            case "hover":
                return reads.semctx_hover(answer)
            case _:
                return reads.semctx_places(answer)


@contextmanager
def connected(daemon: Daemon, root: str) -> Iterator[Ours]:
    """A connection of the client library to a daemon that listens."""
    with environment(daemon.environment):
        connection = semctx.connect(root, start=False, timeout=PATIENCE_S)
    with connection:
        yield Ours(connection)
