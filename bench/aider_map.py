"""The repository map of aider (https://aider.chat), asked in an environment of its own that has `aider-chat`.

Run by that environment's python: one question a line on standard input, as JSON
`{"root", "files", "chat", "idents"}`; one answer a line, `{"tags": [[file, line, name], …], "files": […]}`, both in
the order of the map's PageRank. It shares nothing with the rest of the benchmark, so that it needs no other package.
"""

from __future__ import annotations

import json
import os
import sys


class _Quiet:
    """Stands for aider's terminal."""

    def __getattr__(self, name: str) -> object:
        return lambda *args, **kwargs: None

    def read_text(self, path: str, silent: bool = False) -> str:
        """A file's text."""
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()


class _Counting:
    """Stands for a language model: the map asks it how long texts are."""

    def token_count(self, text: str) -> int:
        """A usual estimate."""
        return len(text) // 4


def main() -> None:
    """Answer until the input ends."""
    from aider.repomap import RepoMap

    maps: dict[str, object] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        root = asked["root"]
        if root not in maps:
            maps[root] = RepoMap(root=root, main_model=_Counting(), io=_Quiet(), refresh="always")
        chat = [os.path.join(root, file) for file in asked["chat"]]
        others = [path for file in asked["files"] if (path := os.path.join(root, file)) not in chat]
        ranked = maps[root].get_ranked_tags(chat, others, set(), set(asked["idents"]))  # type: ignore[attr-defined]
        tags = [[tag.rel_fname, tag.line + 1, tag.name] for tag in ranked if hasattr(tag, "name")]
        files = list(dict.fromkeys(tag[0] if isinstance(tag, tuple) else tag.rel_fname for tag in ranked))
        print(json.dumps({"tags": tags, "files": files}), flush=True)


if __name__ == "__main__":
    main()
