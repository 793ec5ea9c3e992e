"""The context provider of code generators: an intent in words, and back comes what the repository has for it.

    config = LSPConfig(repository_path=".", language="python", timeout=30.0)
    async with LSPSemanticContextProvider(config) as provider:
        context = await provider.get_context_for_intent("Validate email address format", "shop/accounts.py")
        print(context.to_prompt_context(max_tokens=2000))

A face of the asynchronous connection: it holds no answers itself, so equal questions give equal contexts until the
repository changes, whoever asks. Every failure is a SemctxError.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self, TypeVar

from semctx import aio, connection, context
from semctx.errors import SemctxError

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from types import TracebackType

    from semctx.protocol import CacheStats, PlacesResult, Symbol

__all__ = [
    "FunctionInfo",
    "ImportPattern",
    "LSPConfig",
    "LSPSemanticContextProvider",
    "Meta",
    "SemanticContext",
    "TypeInfo",
]

_LANGUAGES = ("python",)
_EXAMPLE_S = 2.0  # the context waits so long for examples, and no longer
_EXAMPLE_PLACES = 50  # where an example of a type is looked for

R = TypeVar("R")


@dataclass(frozen=True)
class LSPConfig:
    """Which repository is asked about, and how. `repository_path` is a folder; `timeout` holds for each request."""

    repository_path: str | os.PathLike[str]
    language: str = "python"
    timeout: float = 30.0  # seconds
    max_symbols: int = 20  # types and functions of a context, together with other symbols
    max_files: int = 3
    max_imports: int = 10
    max_examples: int = 3  # how many types get an example of their use
    start_daemon: bool = True  # where none runs


@dataclass(frozen=True)
class TypeInfo:
    """A class that may be of use."""

    name: str
    module: str  # importable
    description: str
    example_usage: str  # a line of the repository that uses it, else the statement that imports it


@dataclass(frozen=True)
class FunctionInfo:
    """A function or method that may be of use; the name of a method is dotted."""

    name: str
    module: str  # importable
    signature: str
    description: str


@dataclass(frozen=True)
class ImportPattern:
    """How code of this place imports from a module."""

    module: str
    common_imports: list[str]  # statements, which can be pasted as they are
    usage_context: str  # how many files have it, and one where it stands


@dataclass(frozen=True)
class Meta:
    """Facts of the daemon's answer."""

    cached: bool
    elapsed_ms: float


@dataclass(frozen=True)
class SemanticContext:
    """What the repository has for an intent, most likely of use first. Two are equal if what they say is."""

    available_types: list[TypeInfo]
    available_functions: list[FunctionInfo]
    import_patterns: list[ImportPattern]
    codebase_conventions: dict[str, str]
    relevant_files: list[str]  # relative to the repository
    meta: Meta = field(compare=False)
    ranked: context.SemanticContext = field(repr=False, compare=False)  # all that the daemon said

    def to_prompt_context(self, max_tokens: int | None = None) -> str:
        """As Markdown for a prompt, of at most `max_tokens` if given; see `semctx.SemanticContext.to_prompt`."""
        return self.ranked.to_prompt(max_tokens)


class LSPSemanticContextProvider:
    """Contexts for one repository, from `start` to `stop`, or while it is used as an asynchronous context manager."""

    def __init__(self, config: LSPConfig) -> None:
        self.config = config
        self._daemon: aio.Connection | None = None
        self._counts = Counter[str]()
        self._errors = Counter[str]()
        self._seconds = 0.0

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    async def start(self) -> None:
        """Connect to the daemon, starting one if there is none. Raises SemctxError."""
        if self.config.language not in _LANGUAGES:
            message = f"unknown language {self.config.language!r}"
            raise SemctxError("UnknownServer", message, nearest=list(_LANGUAGES))
        if self._daemon is None:
            root = os.fspath(self.config.repository_path)
            self._daemon = await aio.connect(root, start=self.config.start_daemon, timeout=self.config.timeout)

    async def stop(self) -> None:
        """Leave the daemon, which goes on for others."""
        if (daemon := self._daemon) is not None:
            self._daemon = None
            await daemon.close()

    async def get_context_for_intent(self, intent_summary: str, target_file: str | None = None) -> SemanticContext:
        """What the repository has for code that is about to be written, in `target_file` if given.

        Raises SemctxError where the ranked context cannot be had. An example that cannot be had fails nothing: it is
        counted in the metrics.
        """
        await self.start()
        assert self._daemon is not None
        config = self.config
        limits: Any = {"symbols": config.max_symbols, "files": config.max_files, "imports": config.max_imports}
        ranked = await self._counted(self._daemon.context(intent_summary, target_file=target_file, limits=limits))
        self._count(ranked.cached, len(ranked.symbols), len(ranked.files))
        types = ranked.types[: config.max_examples]
        examples = await asyncio.gather(*(self._example(self._daemon, symbol) for symbol in types))
        used = dict(zip((symbol["qualname"] for symbol in types), examples, strict=True))
        return SemanticContext(
            available_types=[_type(symbol, used.get(symbol["qualname"], "")) for symbol in ranked.types],
            available_functions=[
                FunctionInfo(symbol["qualname"], symbol["module"], symbol["signature"], symbol["doc"])
                for symbol in ranked.functions
            ],
            import_patterns=[
                ImportPattern(found["module"], [found["statement"]], _evidence(found["count"], found["evidence"]))
                for found in ranked.imports
            ],
            codebase_conventions={found["key"]: found["value"] for found in reversed(ranked.conventions)},
            relevant_files=[file["path"] for file in ranked.files],
            meta=Meta(ranked.cached, ranked.elapsed_ms),
            ranked=ranked,
        )

    def get_metrics(self) -> dict[str, Any]:
        """What this provider asked since it was made, and the daemon's `cache` ({} where no daemon answers).

        Sections: `queries` {total, success, error, cached}, `rates` {success_rate, cache_hit_rate} (0 to 1),
        `performance` {avg_latency_ms, symbols_retrieved, files_queried}, `errors` {type: count}, `cache`.
        """
        counts = self._counts
        total, success = counts["total"], counts["success"]
        try:
            cache: dict[str, Any] = dict(self.cache_stats())
        except SemctxError:
            cache = {}
        return {
            "queries": {name: counts[name] for name in ("total", "success", "error", "cached")},
            "rates": {
                "success_rate": success / total if total else 0.0,
                "cache_hit_rate": counts["cached"] / success if success else 0.0,
            },
            "performance": {
                "avg_latency_ms": self._seconds / total * 1e3 if total else 0.0,
                "symbols_retrieved": counts["symbols"],
                "files_queried": counts["files"],
            },
            "errors": dict(self._errors),
            "cache": cache,
        }

    def cache_stats(self) -> CacheStats:
        """The state of the daemon's cache for this repository; blocks for about a millisecond. Raises SemctxError."""
        root = os.fspath(self.config.repository_path)
        with connection.connect(root, start=False, timeout=self.config.timeout) as daemon:
            return daemon.cache_stats(daemon.root)

    async def _example(self, daemon: aio.Connection, symbol: Symbol) -> str:
        """A line of the repository that uses a type; "" where there is none, or none can be had."""
        try:
            found = await self._counted(
                daemon.request(
                    "symbols/references",
                    {
                        "root": daemon.root,
                        "name": symbol["qualname"],
                        "file": symbol["file"],
                        "limits": {"symbols": 1, "places": _EXAMPLE_PLACES},
                    },
                    timeout=min(_EXAMPLE_S, self.config.timeout),
                )
            )
        except SemctxError:
            return ""
        self._count(found["meta"]["cached"], 0, sum(len(group["files"]) for group in found["groups"]))
        return _usage(found, symbol["name"])

    async def _counted(self, asked: Awaitable[R]) -> R:
        started = perf_counter()
        self._counts["total"] += 1
        try:
            answer = await asked
        except SemctxError as error:
            self._counts["error"] += 1
            self._errors[error.type] += 1
            raise
        finally:
            self._seconds += perf_counter() - started
        self._counts["success"] += 1
        return answer

    def _count(self, cached: bool, symbols: int, files: int) -> None:
        self._counts.update({"cached": int(cached), "symbols": symbols, "files": files})


def _type(symbol: Symbol, example: str) -> TypeInfo:
    statement = f"from {symbol['module']} import {symbol['qualname'].partition('.')[0]}"
    return TypeInfo(symbol["name"], symbol["module"], symbol["doc"], example or statement)


def _usage(found: PlacesResult, name: str) -> str:
    """The first line that makes an instance, else the first that is neither its definition nor an import."""
    lines = [place["text"].strip() for group in found["groups"] for file in group["files"] for place in file["places"]]
    uses = [line for line in lines if not line.startswith(("class ", "import ", "from "))]
    return next((line for line in uses if f"{name}(" in line), uses[0] if uses else "")


def _evidence(count: int, evidence: list[str]) -> str:
    where = f", {'such as' if count else 'defined at'} {evidence[0]}" if evidence else ""
    return f"in {count} {'file' if count == 1 else 'files'}{where}"
