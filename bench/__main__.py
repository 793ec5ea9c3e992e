"""`python -m bench NAME`: run one benchmark and print its figures."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from bench.options import Options
from bench.repository import ensure
from bench.rows import Row, conditions, places, table, write

BENCHMARKS = (
    "check",
    "cold",
    "core",
    "freshness",
    "hit",
    "memory",
    "miss",
    "narrowing",
    "peers",
    "provider",
    "scale",
    "servers",
    "workload",
)
"""Each is the module bench/NAME.py with `run(options: Options) -> list[Row]`."""

DOCUMENT = "docs/benchmarks.md"
ALL = "all"
"""Every benchmark that has a place in the document."""

OF_RANKING = ("mine", "words", "train", "imports", "relevance", "worth")
"""Each is the module bench/NAME.py with options of its own: `main(arguments: list[str]) -> int`."""


def main() -> int:
    """Exit codes: 0 whatever the figures are, unless `--check` is given: then 1 where a target is missed."""
    if sys.argv[1:2] and sys.argv[1] in OF_RANKING:
        status: int = importlib.import_module(f"bench.{sys.argv[1]}").main(sys.argv[2:])
        return status
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Benchmarks of the semctx daemon.",
        epilog=f"{', '.join(OF_RANKING)} have options of their own: see python -m bench NAME --help",
    )
    parser.add_argument("name", choices=(*BENCHMARKS, ALL))
    parser.add_argument("--quick", action="store_true", help="fewer rounds: for a look, not for figures to publish")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--repository", metavar="PATH", help="folder with Python source (default: Django's, installed)")
    parser.add_argument("--seconds", type=float, help="length of the edit storm of `freshness` (default 60, quick 6)")
    parser.add_argument("--server", default="ty", metavar="NAME", help="the language server of `freshness`")
    parser.add_argument("--write", metavar="FILE", help="put the figures into a document (all: docs/benchmarks.md)")
    parser.add_argument("--check", action="store_true", help="fail where a target is missed")
    arguments = parser.parse_args()

    document = arguments.write
    if arguments.name == ALL and not arguments.quick:
        document = document or DOCUMENT
    names = places(document or DOCUMENT, BENCHMARKS) if arguments.name == ALL else (arguments.name,)
    options = Options(arguments.quick, ensure(arguments.repository), arguments.seconds, arguments.server, document)
    rows: list[Row] = []
    for name in names:
        circumstances = conditions()
        found: list[Row] = importlib.import_module(f"bench.{name}").run(options)
        print(f"{name}: {circumstances}\n\n{table(found)}\n")
        if document:
            write(document, name if arguments.server == "ty" else f"{name} of {arguments.server}", circumstances, found)
        rows += found if len(names) == 1 else [{**one, "name": f"{name}: {one['name']}"} for one in found]
    if arguments.json:
        print(json.dumps({"rows": rows}, ensure_ascii=False))
    return int(arguments.check and any(row["met"] is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
