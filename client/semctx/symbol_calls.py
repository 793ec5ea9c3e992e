"""Calls about symbols by name or position, and about what is wrong in files; see `calls`."""

from __future__ import annotations

from semctx.calls import as_is, given

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from typing import Any, Literal, Protocol, TypeVar

    from semctx.calls import Call, Consistency
    from semctx.protocol import (
        BodiesResult,
        CallsResult,
        DiagnosticsResult,
        HoverResult,
        OverviewResult,
        PlacesResult,
        SymbolLimits,
    )

    R_co = TypeVar("R_co", covariant=True)

    class AboutSymbol(Protocol[R_co]):
        """A call about a symbol, by its name (and file), or by a position."""

        def __call__(
            self,
            root: str,
            name: str | None = None,
            *,
            kind: Literal["class", "function", "method", "variable"] | None = None,
            file: str | None = None,
            line: int | None = None,
            column: int | None = None,
            limits: SymbolLimits | None = None,
            consistency: Consistency | None = None,
        ) -> Call[R_co]:
            """The call."""
            ...


def _about_symbol(method: str, doc: str) -> AboutSymbol[Any]:
    def call(
        root: str,
        name: str | None = None,
        *,
        kind: Literal["class", "function", "method", "variable"] | None = None,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        limits: SymbolLimits | None = None,
        consistency: Consistency | None = None,
    ) -> Call[Any]:
        params = given(
            root=root,
            name=name,
            kind=kind,
            file=file,
            line=line,
            column=column,
            limits=limits,
            consistency=consistency,
        )
        return method, params, as_is

    call.__name__ = method.removeprefix("symbols/")
    call.__doc__ = f"{doc} (`{method}`).\n\nBy `name` (in `file`), or by `file`, `line` (from 1) and `column` (from 0)."
    return call


body: AboutSymbol[BodiesResult] = _about_symbol("symbols/body", "The source of a symbol")
definition: AboutSymbol[PlacesResult] = _about_symbol("symbols/definition", "Where a symbol is defined")
references: AboutSymbol[PlacesResult] = _about_symbol("symbols/references", "Where a symbol is named, by file")
implementations: AboutSymbol[PlacesResult] = _about_symbol(
    "symbols/implementations", "The classes below a class, or what overrides a method"
)
hover: AboutSymbol[HoverResult] = _about_symbol("symbols/hover", "Signature, types and documentation of a symbol")
callers: AboutSymbol[CallsResult] = _about_symbol("symbols/callers", "Which functions call a function")
callees: AboutSymbol[CallsResult] = _about_symbol("symbols/callees", "Which functions a function calls")


def overview(
    root: str,
    file: str | None = None,
    *,
    limits: SymbolLimits | None = None,
    consistency: Consistency | None = None,
) -> Call[OverviewResult]:
    """What a file or folder defines; default: the whole workspace (`symbols/overview`)."""
    return "symbols/overview", given(root=root, file=file, limits=limits, consistency=consistency), as_is


def diagnostics(
    root: str,
    file: str | None = None,
    *,
    limits: SymbolLimits | None = None,
    consistency: Consistency | None = None,
) -> Call[DiagnosticsResult]:
    """What the language server finds wrong in a file or folder; default: the whole workspace (`diagnostics`)."""
    return "diagnostics", given(root=root, file=file, limits=limits, consistency=consistency), as_is
