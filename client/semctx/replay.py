"""What a connection that is made again must say to be what it was: its view, and the documents it has open."""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, TypeAlias

    from semctx.errors import SemctxError

    Request: TypeAlias = tuple[str, Mapping[str, Any]]


class Replay:
    """The requests about documents that were answered, as far as they still matter."""

    def __init__(self) -> None:
        self._documents: dict[tuple[str, str], list[Request]] = {}

    def note(self, method: str, params: Mapping[str, Any]) -> None:
        """A request of that method was answered with a result."""
        if not method.startswith("document/"):
            return
        document = params["root"], params["file"]
        if method == "document/close":
            self._documents.pop(document, None)
        elif method == "document/open":
            self._documents[document] = [(method, params)]
        else:
            self._edited(self._documents.setdefault(document, []), params)

    def requests(self) -> Iterator[Request]:
        """What is to be said again, in this order."""
        for requests in list(self._documents.values()):
            yield from requests

    def refused(self, params: Mapping[str, Any], error: SemctxError) -> None:
        """One of the requests was refused, as after its root went away: its document is open no more. Raises the error
        again if it concerns the connection."""
        if error.type in ("ConnectionLost", "Timeout", "ShuttingDown"):
            raise error
        self._documents.pop((params["root"], params["file"]), None)

    @staticmethod
    def _edited(requests: list[Request], params: Mapping[str, Any]) -> None:
        whole = [at for at, edit in enumerate(params["changes"]) if "range" not in edit]
        if whole:  # nothing from before it matters
            first, *rest = params["changes"][whole[-1] :]
            text = {"root": params["root"], "file": params["file"], "version": params["version"] - bool(rest)}
            requests[:] = [("document/open", {**text, "text": first["text"]})]
            if rest:
                requests.append(("document/change", {**params, "changes": rest}))
        elif requests and "changes" in (last := requests[-1][1]):  # so that what is said again is two messages at most
            last["changes"].extend(params["changes"])
            requests[-1] = "document/change", {**params, "changes": last["changes"]}
        else:
            requests.append(("document/change", {**params, "changes": [*params["changes"]]}))
