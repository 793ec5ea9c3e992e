"""The indexer's part in checking code that is not in the repository yet: what its diagnostics add, who imports the
file, what is known of names.

The texts of the files are those of the view that is shown; a candidate's own text comes with the question.
"""

from __future__ import annotations

import builtins
from collections import Counter
from difflib import get_close_matches
from typing import Any

from semctxd.index.added import Named, added, concerned, nearest, without
from semctxd.index.live import LiveIndex
from semctxd.index.source import Source, show
from semctxd.index.wanted import can_be_said, names_of

Json = dict[str, Any]

_FILES, _PLACES = 50, 100
_PROBES_MAX = 4  # unknown names that the server is asked about for one check
_WAYS_MAX = 12
_BUILTINS = frozenset(dir(builtins))


def dependents(live: LiveIndex, params: Json) -> Json:
    """`{"files": […], "left_out"}`: the files that import `file`, those in its neighbourhood first."""
    found = live.closures.importers(params["file"])
    found.sort(key=live.near(params["file"]).rank)
    kept = found[: params.get("limits", {}).get("files", _FILES)]
    return {"files": kept, "left_out": len(found) - len(kept)}


def judge(live: LiveIndex, params: Json) -> Json:
    """`{"diagnostics", "left_out", "probes"}` from what the server says of each of `files` before and after.

    A probe is `{"file", "text", "asked": [{"at", "position"}…]}`: a text of the file in which a server can be asked for
    completions at these positions, and the diagnostics that they are wanted for.
    """
    sources = {path: show(live, path) for path in params["files"]}
    candidate = {params["file"]: Source(params["text"])}
    found = [
        (path, one)
        for path, (before, after) in params["files"].items()
        for one in sorted(added(sources[path], candidate.get(path, sources[path]), before, after), key=_place)
    ]
    sources |= candidate
    kept = found[: params.get("limits", {}).get("places", _PLACES)]
    shown: list[Json] = []
    unknown: dict[str, list[tuple[int, Named]]] = {}
    for at, (path, one) in enumerate(kept):
        about = concerned(sources[path], one)
        if about and about.is_quoted and sum(map(len, unknown.values())) < _PROBES_MAX:
            unknown.setdefault(path, []).append((at, about))
        line = sources[path].shown(one["range"]["start"]["line"])
        shown.append({**one, "file": path, "source_line": line, **({"symbol": about.name} if about else {})})
    probes = [_probe(path, sources[path], names) for path, names in unknown.items()]
    return {"diagnostics": shown, "left_out": len(found) - len(kept), "probes": probes}


def _probe(file: str, source: Source, names: list[tuple[int, Named]]) -> Json:
    text, places = without(source, [about for _, about in names])
    asked = [{"at": at, "position": place} for (at, _), place in zip(names, places, strict=True)]
    return {"file": file, "text": text, "asked": asked}


def nearest_names(live: LiveIndex, params: Json) -> Json:
    """`{"names": […]}`: what is most like the unknown name of each of `asked` (diagnostic, completions)."""
    names = []
    for one, said in params["asked"]:
        source = Source(params["text"]) if one["file"] == params["file"] else show(live, one["file"])
        about = concerned(source, one)
        assert about is not None
        items = said.get("items", []) if isinstance(said, dict) else said or []
        names.append(nearest(about, source, items))
    return {"names": names}


def ways(live: LiveIndex, params: Json) -> Json:
    """`{"names": […]}`: for each name whether the file has it already, and `[statement, count]` of what might import
    it, most usual first; `nearest` where nothing might."""
    file = params["file"]
    known = live.store.files.get(file)
    bound = {symbol.name for symbol in known.symbols if not symbol.owner} if known else set()
    if known:
        bound |= {one.bound for statement in known.imports for one in names_of(live, file, statement)}
    return {"names": [_ways(live, file, name, bound) for name in params["names"]]}


def _ways(live: LiveIndex, file: str, name: str, bound: set[str]) -> Json:
    if name in bound or name in _BUILTINS:
        return {"name": name, "present": True, "ways": [], "nearest": []}
    if not can_be_said(name):
        return {"name": name, "present": False, "ways": [], "nearest": []}
    found: Counter[str] = Counter()
    for id in live.store.by_name.get(name):
        symbol = live.store.symbols[id]
        module = live.modules.name(symbol.path)
        if not symbol.owner and symbol.path != file and can_be_said(module):
            found[f"from {module} import {name}"] = 0
    for path in map(live.store.path, live.store.importers.get(name)):
        found.update(_imports(live, path, name))
    if not found:  # by another name of its own, then
        for path in live.store.files:
            found.update(_imports(live, path, name))
    near = [] if found else get_close_matches(name, sorted(live.store.by_name.keys()), 3, 0.6)
    found.setdefault(f"import {name}", 0)
    usual = sorted(found.items(), key=lambda way: (-way[1], len(way[0]), way[0]))
    return {"name": name, "present": False, "ways": usual[:_WAYS_MAX], "nearest": near}


def _imports(live: LiveIndex, path: str, name: str) -> set[str]:
    """The statements, one at most, that bind a name in a file."""
    return {
        _statement(one.module, one.name, name)
        for statement in live.store.files[path].imports
        for one in names_of(live, path, statement)
        if one.bound == name and can_be_said(one.module)
    }


def _statement(module: str, name: str, bound: str) -> str:
    if name:
        return f"from {module} import {name}" + (f" as {bound}" if bound != name else "")
    return f"import {module}" + (f" as {bound}" if bound != module.partition(".")[0] else "")


def _place(diagnostic: Json) -> tuple[int, int]:
    start = diagnostic["range"]["start"]
    return start["line"], start["character"]
