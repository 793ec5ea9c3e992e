"""The index of a workspace, and the process that holds it (`python -m semctxd.index ROOT`).

Source files become records (extract), records become postings and name tables (store), names become symbols
(resolve). One changed file is re-read alone; whatever is derived across files is derived when asked and kept
until the next change. Equal trees give equal answers, whatever order of edits led there.
"""

from semctxd import lean

with lean.instead({"typing_extensions": None}):  # msgspec takes from it what is in `typing`; with `inspect` it is 1 MB
    import msgspec  # noqa: F401 (whoever imports it below finds it loaded)
