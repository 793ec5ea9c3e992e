"""The index of a workspace, and the process that holds it (`python -m semctxd.index ROOT`).

Source files become records (extract), records become postings and name tables (store), names become symbols
(resolve). One changed file is re-read alone; whatever is derived across files is derived when asked and kept
until the next change. Equal trees give equal answers, whatever order of edits led there.
"""
