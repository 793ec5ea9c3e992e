"""`python -m bench NAME`: run one benchmark and print its figures."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from bench.options import Options
from bench.repository import ensure
from bench.rows import conditions, table, write

BENCHMARKS = ("check", "core", "freshness", "memory", "narrowing", "peers", "provider", "scale", "servers", "workload")
"""Each is the module bench/NAME.py with `run(options: Options) -> list[Row]`."""

OF_RANKING = ("mine", "related", "train", "relevance", "worth")
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
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: for a look, not for figures to publish")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--repository", metavar="PATH", help="folder with Python source (default: Django's, installed)")
    parser.add_argument("--seconds", type=float, help="length of the edit storm of `freshness` (default 60, quick 6)")
    parser.add_argument("--server", default="ty", metavar="NAME", help="the language server of `freshness`")
    parser.add_argument("--write", metavar="FILE", help="put the figures into a document")
    parser.add_argument("--check", action="store_true", help="fail where a target is missed")
    arguments = parser.parse_args()

    options = Options(arguments.quick, ensure(arguments.repository), arguments.seconds, arguments.server)
    circumstances = conditions()
    rows = importlib.import_module(f"bench.{arguments.name}").run(options)
    print(f"{arguments.name}: {circumstances}\n\n{table(rows)}")
    if arguments.write:
        place = arguments.name if arguments.server == "ty" else f"{arguments.name} of {arguments.server}"
        write(arguments.write, place, circumstances, rows)
    if arguments.json:
        print(json.dumps({"rows": rows}, ensure_ascii=False))
    return int(arguments.check and any(row["met"] is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
