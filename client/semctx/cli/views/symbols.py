"""Answers about symbols, and about what is wrong in files. Lines and columns count from 1, as editors show them."""

from __future__ import annotations

from semctx.cli.render import BAD, DIM, FILE, PLAIN, TITLE, WARNING, facts, times

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from semctx.cli.render import Line
    from semctx.protocol import (
        BodiesResult,
        CallsResult,
        Diagnostic,
        DiagnosticsResult,
        HoverResult,
        OverviewResult,
        Place,
        PlacesResult,
    )

_STYLES = {"error": BAD, "warning": WARNING}


def places(answer: PlacesResult) -> Iterator[Line]:
    """symbols/definition, references and implementations."""
    for group in answer["groups"]:
        yield _head(group)
        for file in group["files"]:
            yield FILE, file["file"]
            yield from _places(file["places"])
        yield DIM, f"{times(group['count'], 'place')}, {_source(group)}"
        yield PLAIN, ""
    yield from _rest(answer)


def hover(answer: HoverResult) -> Iterator[Line]:
    """symbols/hover."""
    for group in answer["groups"]:
        yield _head(group)
        for line in group["text"].splitlines():
            yield PLAIN, line
        yield DIM, _source(group) if group["text"] else "nothing is known of it"
        yield PLAIN, ""
    yield from _rest(answer)


def bodies(answer: BodiesResult) -> Iterator[Line]:
    """symbols/body: the source can be pasted, or piped on."""
    for group in answer["groups"]:
        yield DIM, f"# {group['symbol']['file']}:{group['line']}-{group['end_line']}"
        for line in group["text"].splitlines():
            yield PLAIN, line
        if group["left_out"]:
            yield DIM, f"# {times(group['left_out'], 'line')} more"
        yield PLAIN, ""
    yield from _rest(answer)


def calls(answer: CallsResult) -> Iterator[Line]:
    """symbols/callers and callees."""
    for group in answer["groups"]:
        yield _head(group)
        for call in group["calls"]:
            yield FILE, f"{call['qualname']} ({call['kind']}, {call['file']}:{call['line']})"
            yield from _places(call["places"])
        yield DIM, f"{times(group['count'], 'function')}, {_source(group)}"
        yield PLAIN, ""
    yield from _rest(answer)


def overview(answer: OverviewResult) -> Iterator[Line]:
    """symbols/overview."""
    for file in answer["files"]:
        yield FILE, f"{file['file']}  {file['module']}"
        if file["doc"]:
            yield DIM, f"  {file['doc']}"
        width = max((len(str(symbol["line"])) for symbol in file["symbols"]), default=0)
        for symbol in file["symbols"]:
            indent = "  " * symbol["qualname"].count(".")
            signature = " ".join(symbol["signature"].split())
            yield PLAIN, f"  {symbol['line']:>{width}}  {indent}{signature}"
        if file["left_out"]:
            yield DIM, f"  {times(file['left_out'], 'symbol')} more"
        yield PLAIN, ""
    yield from _rest(answer)


def diagnostics(answer: DiagnosticsResult) -> Iterator[Line]:
    """diagnostics."""
    for file in answer["files"]:
        for one in file["diagnostics"]:
            yield from _diagnostic(file["file"], one)
    counts = [times(count, severity) for severity, count in answer["counts"].items()]
    yield PLAIN, f"{', '.join(counts) or 'nothing wrong'} in {times(answer['checked'], 'file')}"
    for refused in answer.get("not_checked", ()):
        yield DIM, f"{refused}: not checked, as it ends the language server"
    yield from _rest(answer)


def _diagnostic(file: str, one: Diagnostic) -> Iterator[Line]:
    code = f"[{one['code']}]" if one["code"] else ""
    place = f"{file}:{one['line']}:{one['column'] + 1}"
    yield _STYLES.get(one["severity"], PLAIN), f"{place}: {one['severity']}{code}: {one['message']}"
    for line in one["frame"].splitlines():
        yield PLAIN, f"  {line}"
    yield PLAIN, ""


def _head(group: Any) -> Line:
    if symbol := group.get("symbol"):
        place = f"{symbol['file']}:{symbol['line']}"
        return TITLE, f"{symbol['module']}.{symbol['qualname']} ({symbol['kind']}, {place})"
    at = group["at"]
    return TITLE, f"{at['file']}:{at['line']}:{at['column'] + 1}"


def _places(places: list[Place]) -> Iterator[Line]:
    numbers = [f"{place['line']}:{place['column'] + 1}" for place in places]
    width = max(map(len, numbers), default=0)
    for number, place in zip(numbers, places, strict=True):
        inside = f"   (in {place['symbol']})" if place["symbol"] else ""
        yield PLAIN, f"  {number:<{width}}  {place['text'].strip()}{inside}"


def _source(group: Any) -> str:
    return "says the language server" if group["source"] == "server" else "says the index: by names, without types"


def _rest(answer: Any) -> Iterator[Line]:
    if "hint" in answer:
        yield WARNING, "this is not all: see --limit, or ask for less"
    yield from facts(answer)
