"""Answers about code."""

from __future__ import annotations

from semctx.cli.render import BAD, DIM, PLAIN, WARNING, columns, facts, section, times

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from semctx.cli.render import Line
    from semctx.protocol import CheckResult, ContextResult, FileScore, FilesResult, FindResult, Symbol


def context(answer: ContextResult) -> Iterator[Line]:
    """context/query."""
    symbols = answer["symbols"]
    shown = {*answer["types"], *answer["functions"]}
    yield from _symbols("Types", [symbols[at] for at in answer["types"]])
    yield from _symbols("Functions", [symbols[at] for at in answer["functions"]])
    yield from _symbols("Other", [symbol for at, symbol in enumerate(symbols) if at not in shown])
    yield from _file_scores(answer["files"])
    imports = answer["imports"]
    yield from section(
        "Imports",
        columns(
            (found["statement"], times(found["count"], "file") if found["count"] else "", _first(found["evidence"]))
            for found in imports
        ),
    )
    yield from section(
        "Conventions",
        columns(
            (
                found["key"],
                found["value"],
                f"{found['count']} of {found['of']}" if found["of"] else "",
                _first(found["evidence"]),
            )
            for found in answer["conventions"]
        ),
    )
    if answer["source"] == "knowledge-base":
        yield DIM, "the repository has nothing to say on this: built-in knowledge"
    yield from _doubts(answer)


def files(answer: FilesResult) -> Iterator[Line]:
    """files/relevant."""
    yield from _file_scores(answer["files"])
    yield from _doubts(answer)


def find(answer: FindResult) -> Iterator[Line]:
    """symbols/find."""
    yield from _symbols("Symbols", answer["symbols"])
    if answer["left_out"]:
        yield DIM, f"{answer['left_out']} more: see --limit"
    yield from facts(answer)


def check(answer: CheckResult) -> Iterator[Line]:
    """code/check."""
    for one in answer["diagnostics"]:
        start = one["range"]["start"]
        place = f"{one['file']}:{start['line'] + 1}:{start['character'] + 1}"
        yield BAD if one.get("severity") == 1 else WARNING, f"{place}: {one['message'].partition(chr(10))[0]}"
        yield PLAIN, f"    {one['source_line'].strip()}"
        if "nearest" in one:
            yield DIM, f"    nearest: {', '.join(one['nearest'])}"
    if answer["left_out"]:
        yield DIM, f"{answer['left_out']} more: ask with limits"
    yield DIM, f"{times(len(answer['diagnostics']), 'diagnostic')} added, {times(answer['checked'], 'file')} checked"
    yield from facts(answer)


def _symbols(title: str, symbols: Sequence[Symbol]) -> Iterator[Line]:
    heads = columns(
        (
            *([f"{symbol['confidence']:.2f}"] if "confidence" in symbol else []),
            f"{symbol['module']}.{symbol['qualname']}",
            f"{symbol['file']}:{symbol['line']}" if symbol["file"] else "",
        )
        for symbol in symbols
    )

    def lines() -> Iterator[Line]:
        for symbol, head in zip(symbols, heads, strict=True):
            yield head
            for line in symbol["signature"].splitlines():
                yield PLAIN, f"      {line}"
            if symbol["doc"]:
                yield DIM, f"      {symbol['doc'].splitlines()[0]}"
            if "breakdown" in symbol:
                shares = sorted(symbol["breakdown"].items(), key=lambda share: -share[1])
                yield DIM, "      " + ", ".join(f"{signal} {share:.2f}" for signal, share in shares)

    yield from section(title, lines())


def _file_scores(files: Sequence[FileScore]) -> Iterator[Line]:
    yield from section("Files", columns((f"{file['score']:.2f}", file["path"], file["why"]) for file in files))


def _doubts(answer: ContextResult | FilesResult) -> Iterator[Line]:
    """How far an answer to an intent is to be believed."""
    if "hint" in answer:
        yield WARNING, answer["hint"]
    yield from facts(answer)


def _first(evidence: Sequence[str]) -> str:
    """Where to look, for one; the built-in table has no evidence, counts or files."""
    return evidence[0] if evidence else ""
