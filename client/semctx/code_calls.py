"""Calls about code that is not in the repository: unsaved documents, and candidates; see `calls`."""

from __future__ import annotations

from semctx.calls import as_is, given

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from semctx.calls import Call, Consistency
    from semctx.protocol import CheckLimits, CheckResult, DocumentResult, Edit, ResolveResult


def check(
    root: str,
    file: str,
    text: str,
    *,
    scope: Literal["file", "dependents"] | None = None,
    limits: CheckLimits | None = None,
    consistency: Consistency | None = None,
) -> Call[CheckResult]:
    """The diagnostics that a text of a file would add to the repository (`code/check`).

    `text` is that of the whole file; with the scope `dependents` the files that import it are checked, too.
    """
    params = given(root=root, file=file, text=text, scope=scope, limits=limits, consistency=consistency)
    return "code/check", params, as_is


def resolve(
    root: str, file: str, names: Sequence[str], *, consistency: Consistency | None = None
) -> Call[ResolveResult]:
    """For each name the import statement that resolves from a file (`code/resolve`)."""
    return "code/resolve", given(root=root, file=file, names=list(names), consistency=consistency), as_is


def open_document(root: str, file: str, text: str, version: int | None = None) -> Call[DocumentResult]:
    """Have this connection's answers see a text that is not saved (`document/open`)."""
    return "document/open", given(root=root, file=file, text=text, version=version), as_is


def change_document(root: str, file: str, version: int, changes: Sequence[Edit]) -> Call[DocumentResult]:
    """Edit an open document: all edits are made, or none (`document/change`)."""
    return "document/change", given(root=root, file=file, version=version, changes=list(changes)), as_is


def close_document(root: str, file: str) -> Call[DocumentResult]:
    """Have this connection's answers see the file again (`document/close`)."""
    return "document/close", given(root=root, file=file), as_is
