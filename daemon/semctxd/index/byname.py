"""The indexer's part in `symbols/…` and `diagnostics`: which symbols are meant, and how answers about them are shown.

A question for a language server takes two steps: `targets` gives the positions to ask about, and the steps named `show`
put what it said (null: it did not know) into the protocol's shape, or the index's own answer in its place.
"""

from __future__ import annotations

import os
from typing import Any

from semctx.errors import SemctxError
from semctxd.index import guess
from semctxd.index.find import matching
from semctxd.index.live import LiveIndex
from semctxd.index.places import Range, Viewer, file_of, kind_of, range_of, ranges, text_of
from semctxd.index.said import CallOf, Hover, Report, understood
from semctxd.index.source import path_of, read, width
from semctxd.index.span import first_line
from semctxd.index.symbols import definitions, every, to_json
from semctxd.index.unread import remark
from semctxd.ranking.records import Record
from semctxd.tree import is_source

Json = dict[str, Any]

_DEFAULTS = {"symbols": 5, "files": 50, "places": 100, "lines": 400}
_OUTLINED = 200  # symbols of each file in an overview


def _limits(params: Json) -> dict[str, int]:
    return {**_DEFAULTS, **params.get("limits", {})}


# -- which symbols ----------------------------------------------------------------------------------


def targets(live: LiveIndex, params: Json) -> Json:
    """`{"targets": [{"file", "line", "column", "symbol"?}], "left_out"}`: where to ask; lines from 1.

    Raises SymbolNotFound, NoSourceFiles, FileNotFound, FileRefused or PositionOutside.
    """
    if "name" not in params:
        file, line, column = params["file"], params["line"], params["column"]
        _check_position(live, file, line, column)
        symbol = _defined_at(live, file, line, column)
        target = {"file": file, "line": line, "column": column}
        return {"targets": [target | ({"symbol": to_json(live, symbol)} if symbol else {})], "left_out": 0}
    found = matching(live, params)
    kept = found[: _limits(params)["symbols"]]
    return {
        "targets": [
            {"file": one.path, "line": one.line, "column": one.column, "symbol": to_json(live, one)} for one in kept
        ],
        "left_out": len(found) - len(kept),
    }


def _check_position(live: LiveIndex, file: str, line: int, column: int) -> None:
    lines = read(live, file).lines
    if not 1 <= line <= len(lines):
        raise SemctxError("PositionOutside", f"{file} has {len(lines)} lines, and no line {line}")
    if column < 0:
        raise SemctxError("PositionOutside", f"there is no column {column}")
    if column > (units := width(lines[line - 1])):
        # said so that it is right whether a client counts columns from 0 or from 1
        what = f"line {line} of {file} has {units} UTF-16 code units, and ends before that"
        raise SemctxError("PositionOutside", what)


def _defined_at(live: LiveIndex, file: str, line: int, column: int) -> Record | None:
    """The symbol whose name stands in its definition at a position."""
    for symbol in definitions(live, file):
        if symbol.line == line and symbol.column <= column <= symbol.column + width(symbol.name):
            return symbol
    return None


# -- how they are shown -----------------------------------------------------------------------------


def show_places(live: LiveIndex, params: Json) -> Json:
    """The result of `symbols/definition`, `references` or `implementations` (`of`), from the server's `answers`."""
    viewer, limits = Viewer(live), _limits(params["asked"])
    groups = []
    for target, said in zip(params["targets"], params["answers"], strict=True):
        found = _guessed_places(live, viewer, params["of"], target) if said is None else ranges(live, said)
        groups.append(_head(target, said) | viewer.by_file(found, target["file"], limits))
    return _result(groups, params, "limits.places and limits.files")


def _guessed_places(live: LiveIndex, viewer: Viewer, of: str, target: Json) -> list[Range]:
    symbol = _meant(live, viewer, target)
    if symbol is None:
        return []
    if of == "symbols/references":
        return list(guess.uses(live, viewer, symbol))
    found = guess.implementations(live, symbol) if of == "symbols/implementations" else [symbol]
    return [guess.name_of(one) for one in found]


def show_hover(live: LiveIndex, params: Json) -> Json:
    """The result of `symbols/hover`, from the server's `answers`."""
    viewer = Viewer(live)
    groups = []
    for target, said in zip(params["targets"], params["answers"], strict=True):
        if said is not None:
            text = text_of(understood(said, Hover).contents)
        elif symbol := _meant(live, viewer, target):
            text = f"```python\n{symbol.signature}\n```" + (f"\n---\n{symbol.doc}" if symbol.doc else "")
        else:
            text = ""
        groups.append(_head(target, said) | {"text": text})
    return _result(groups, params, "")


def show_calls(live: LiveIndex, params: Json) -> Json:
    """The result of `symbols/callers` or `callees` (`of`), from the server's `answers`."""
    viewer, limits = Viewer(live), _limits(params["asked"])
    groups = []
    for target, said in zip(params["targets"], params["answers"], strict=True):
        if said is None:
            calls = _guessed_calls(live, viewer, params["of"], target)
        else:
            calls = [_call(live, target, one) for one in understood(said, list[CallOf])]
        calls.sort(key=lambda call: (call[0]["file"] != target["file"], call[0]["file"], call[0]["line"]))
        kept = calls[: limits["places"]]
        shown = [call | {"places": [viewer.place(one) for one in at[: limits["places"]]]} for call, at in kept]
        counts = {"calls": shown, "count": len(calls), "left_out": len(calls) - len(kept)}
        groups.append(_head(target, said) | counts)
    return _result(groups, params, "limits.places")


def _call(live: LiveIndex, target: Json, said: CallOf) -> tuple[Json, list[Range]]:
    """The other end of calls, and where the calls stand."""
    other = said.other
    file = file_of(live, other.uri)
    at = range_of(file, other.selectionRange)
    symbol = _defined_at(live, file, at.line + 1, at.column)
    call = {
        "name": other.name,
        "qualname": symbol.qualname if symbol else other.name,
        "kind": symbol.kind if symbol else kind_of(other.kind),
        "file": file,
        "line": at.line + 1,
        "column": at.column,
    }
    calling = file if said.incoming else target["file"]
    return call, [range_of(calling, one) for one in said.fromRanges]


def _guessed_calls(live: LiveIndex, viewer: Viewer, of: str, target: Json) -> list[tuple[Json, list[Range]]]:
    symbol = _meant(live, viewer, target)
    if symbol is None:
        return []
    found = []
    for other in guess.callers(live, symbol) if of == "symbols/callers" else guess.callees(live, symbol):
        inside, name = (other, symbol.name) if of == "symbols/callers" else (symbol, other.name)
        call = {key: getattr(other, key) for key in ("name", "qualname", "kind", "line", "column")}
        found.append((call | {"file": other.path}, guess.mentions(viewer, inside, name)))
    return found


def _meant(live: LiveIndex, viewer: Viewer, target: Json) -> Record | None:
    return guess.at(live, viewer, target["file"], target["line"] - 1, target["column"])


def _head(target: Json, said: Any) -> Json:
    at = {key: target[key] for key in ("file", "line", "column")}
    symbol = {"symbol": target["symbol"]} if "symbol" in target else {}
    return {**symbol, "at": at, "source": "index" if said is None else "server"}


def _result(groups: list[Json], params: Json, limits: str) -> Json:
    result = {"groups": groups, "left_out": params["left_out"], **_completeness(params)}
    hints = []
    if params["left_out"]:
        hints.append("raise limits.symbols (1000 at most), or give `file` or a longer name path")
    if any(group.get("left_out") for group in groups):
        hints.append(f"raise {limits} (1000 at most)")
    return result | ({"hint": "To see what was left out: " + "; ".join(hints) + "."} if hints else {})


def _completeness(params: Json) -> Json:
    return {"completeness": params["completeness"]} if params.get("completeness") else {}


# -- from the index alone ---------------------------------------------------------------------------


def body(live: LiveIndex, params: Json) -> Json:
    """The result of `symbols/body`, without `meta`. Raises as `targets`; SymbolNotFound where a position is in none."""
    limits = _limits(params)
    if "name" in params:
        found = every(live, matching(live, params))
    else:
        (target,) = targets(live, params)["targets"]
        symbol = _defined_at(live, target["file"], target["line"], target["column"])
        symbol = symbol or _meant(live, Viewer(live), target)
        if symbol is None:
            where = f"{target['file']}:{target['line']}"
            raise SemctxError("SymbolNotFound", f"No symbol of the repository is named at {where}.")
        found = [symbol]
    kept = found[: limits["symbols"]]
    groups = [_body(live, one, limits["lines"]) for one in kept]
    return _result(groups, {"left_out": len(found) - len(kept)}, "limits.lines")


def _body(live: LiveIndex, symbol: Record, limit: int) -> Json:
    source = read(live, symbol.path)
    first = first_line(source, symbol)
    last = min(symbol.end, first + limit - 1)
    return {
        "symbol": to_json(live, symbol),
        "source": "index",
        "line": first,
        "end_line": last,
        "text": "".join(f"{line}\n" for line in source.lines[first - 1 : last]),
        "left_out": symbol.end - last,
    }


def overview(live: LiveIndex, params: Json) -> Json:
    """The result of `symbols/overview`, without `meta`. Raises FileNotFound, FileRefused or NoSourceFiles."""
    limits = {**_limits(params), "symbols": params.get("limits", {}).get("symbols", _OUTLINED)}
    found = files(live, params)
    shown = [_overview(live, file, found["is_folder"], limits["symbols"]) for file in found["files"]]
    missing = remark(live.store, params.get("file", ""))
    result = {"files": shown, "source": "index", "left_out": found["left_out"], **missing}
    if found["left_out"] or any(file["left_out"] for file in shown):
        result["hint"] = "To see what was left out: raise limits.files or limits.symbols, or ask for a part of it."
    return result


def _overview(live: LiveIndex, file: str, only_top: bool, limit: int) -> Json:
    symbols = [one for one in definitions(live, file) if not (only_top and one.owner)]
    record = live.store.files.get(file)
    return {
        "file": file,
        "module": live.modules.name(file),
        "doc": record.doc if record else "",
        "symbols": [
            {key: getattr(one, key) for key in ("name", "qualname", "kind", "line")}
            | {"end_line": one.end, "signature": one.signature, "doc": one.doc}
            for one in symbols[:limit]
        ],
        "left_out": max(len(symbols) - limit, 0),
    }


def files(live: LiveIndex, params: Json) -> Json:
    """`{"files": […], "is_folder", "left_out"}`: the source files that `file` (a file or folder) stands for, by path.

    Raises FileNotFound, FileRefused or NoSourceFiles.
    """
    file = params.get("file", "")
    if not os.path.isdir(path_of(live, file)):
        read(live, file)
        if not is_source(os.fsencode(file)):
            raise SemctxError("NoSourceFiles", f"{file} is in no supported language.")
        return {"files": [file], "is_folder": False, "left_out": 0}
    below = file + "/" if file else ""
    found = sorted(path for path in live.store.files if path.startswith(below))
    if not found:
        raise SemctxError("NoSourceFiles", f"There is no file of a supported language in {file or 'the root'}.")
    kept = found[: _limits(params)["files"]]
    return {"files": kept, "is_folder": True, "left_out": len(found) - len(kept)}


def show_diagnostics(live: LiveIndex, params: Json) -> Json:
    """The result of `diagnostics`, from the server's `answers` on `files`."""
    viewer, limits = Viewer(live), _limits(params["asked"])
    shown, counts = [], dict.fromkeys(("error", "warning", "information", "hint"), 0)
    for file, said in zip(params["files"], params["answers"], strict=True):
        found = [viewer.diagnostic(file, one) for one in understood(said or {}, Report).items]
        found.sort(key=lambda one: (one["line"], one["column"], one["code"], one["message"]))
        for one in found:
            counts[one["severity"]] += 1
        if found:
            kept = found[: limits["places"]]
            shown.append({"file": file, "diagnostics": kept, "left_out": len(found) - len(kept)})
    result = {
        "files": shown,
        "source": "server",
        "checked": len(params["files"]) - len(params["refused"]),
        "counts": {severity: count for severity, count in counts.items() if count},
        "left_out": params["left_out"],
        **_completeness(params),
    }
    if params["refused"]:
        result["not_checked"] = params["refused"]
    if params["left_out"] or any(one["left_out"] for one in shown):
        result["hint"] = "To see what was left out: raise limits.files or limits.places, or ask for a part of it."
    return result
