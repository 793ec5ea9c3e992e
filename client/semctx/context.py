"""The answer to an intent as a program uses it, and as a prompt shows it. Pure: no connection is needed."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent

TYPE_CHECKING = False  # importing the protocol's types would cost every context command 20 ms
if TYPE_CHECKING:
    from collections.abc import Iterator

    from semctx.protocol import ContextResult, Convention, FileScore, ImportPattern, Symbol

CONFIDENT = 0.5
"""From this confidence on a symbol belongs to the tier that a prompt shows first."""

_CHARACTERS_PER_TOKEN = 3
"""Source code has more than this on average with every tokenizer in use, so an estimate errs to the safe side."""


@dataclass(frozen=True)
class SemanticContext:
    """Ranked context for what is about to be written."""

    symbols: tuple[Symbol, ...]  # every kind, best first
    types: tuple[Symbol, ...]
    functions: tuple[Symbol, ...]
    files: tuple[FileScore, ...]
    imports: tuple[ImportPattern, ...]
    conventions: tuple[Convention, ...]
    keywords: tuple[str, ...]
    source: str  # index, server or knowledge-base
    enriched: bool  # the language server's part is in it
    hint: str  # what to do where no word of the question is known there, and the order says little; else ""
    degraded: tuple[str, ...]  # what the answer may not reflect
    cached: bool
    elapsed_ms: float

    @classmethod
    def from_result(cls, result: ContextResult) -> SemanticContext:
        """From the result of `context/query`."""
        symbols = tuple(result["symbols"])
        return cls(
            symbols=symbols,
            types=tuple(symbols[at] for at in result["types"]),
            functions=tuple(symbols[at] for at in result["functions"]),
            files=tuple(result["files"]),
            imports=tuple(result["imports"]),
            conventions=tuple(result["conventions"]),
            keywords=tuple(result["keywords"]),
            source=result["source"],
            enriched=result["enriched"],
            hint=result.get("hint", ""),
            degraded=tuple(result.get("degraded", ())),
            cached=result["meta"]["cached"],
            elapsed_ms=result["meta"]["elapsed_ms"],
        )

    def to_prompt(self, max_tokens: int | None = None) -> str:
        """The context as Markdown for a prompt, of at most `max_tokens` (estimated from above) if given.

        Confident symbols come first, then imports, conventions and files, then the other symbols. Nothing is cut
        in half: of a symbol that does not fit the documentation is left out, or else the whole symbol. Equal
        contexts give equal text.
        """
        left = float("inf") if max_tokens is None else max_tokens * _CHARACTERS_PER_TOKEN
        out: list[str] = []
        for title, items in self._sections():
            heading = f"## {title}\n\n" if not out else f"\n## {title}\n\n"
            for variants in items:
                text = next((text for text in variants if len(heading) + len(text) <= left), None)
                if text is not None:
                    out += heading, text
                    left -= len(heading) + len(text)
                    heading = ""
        return "".join(out)

    def _sections(self) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
        """Title and items of each section, most important first; an item is its variants, longest first."""
        confident = [symbol for symbol in self.symbols if symbol.get("confidence", 0.0) >= CONFIDENT]
        others = [symbol for symbol in self.symbols if symbol.get("confidence", 0.0) < CONFIDENT]
        yield "Use these", [_symbol(symbol) for symbol in confident]
        yield "Imports here look like", [(f"    {found['statement']}\n",) for found in self.imports]
        yield "Conventions here", [(_convention(found),) for found in self.conventions]
        yield "Files to look at", [(f"- {file['path']}: {file['why']}\n",) for file in self.files]
        yield "Perhaps of use", [_symbol(symbol) for symbol in others]


def _symbol(symbol: Symbol) -> tuple[str, str]:
    """With and without its documentation."""
    name = f"- {symbol['module']}.{symbol['qualname']} ({symbol['kind']}, {symbol['file']}:{symbol['line']})\n"
    short = name + indent(symbol["signature"], "      ") + "\n"
    doc = f"  {' '.join(symbol['doc'].split())}\n" if symbol["doc"] else ""
    return short + doc, short


def _convention(found: Convention) -> str:
    return f"- {found['key']}: {found['value']} ({found['count']} of {found['of']})\n"
