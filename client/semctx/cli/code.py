"""The commands about code: context, files, symbols."""

from __future__ import annotations

import sys

from semctx import calls, code_calls, roots
from semctx.cli.talk import ask, connect, limits, show
from semctx.errors import SemctxError

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

_MOST = 2_000_001  # characters that are read: the daemon refuses so many, and a device may have no end


def context(arguments: Namespace) -> int:
    """semctx context."""
    intent = _intent(arguments)
    with connect(arguments) as daemon:
        answer = ask(daemon, calls.context(daemon.root, intent, **_about(arguments, daemon.root, "symbols")))
    if arguments.prompt and not arguments.json:
        from semctx.context import SemanticContext

        sys.stdout.write(SemanticContext.from_result(answer).to_prompt(arguments.max_tokens))
        return 0
    return show(arguments, answer, "code.context")


def files(arguments: Namespace) -> int:
    """semctx files."""
    intent = _intent(arguments)
    with connect(arguments) as daemon:
        answer = ask(daemon, calls.files(daemon.root, intent, **_about(arguments, daemon.root, "files")))
    return show(arguments, answer, "code.files")


def find(arguments: Namespace) -> int:
    """semctx find."""
    most = limits(arguments, "symbols")
    with connect(arguments) as daemon:
        call = calls.find(daemon.root, arguments.name, kind=arguments.kind, match=arguments.match, limits=most)
        return show(arguments, ask(daemon, call), "code.find")


def check(arguments: Namespace) -> int:
    """semctx check."""
    text = _stdin() if arguments.text == "-" else _text_of(arguments.text)
    with connect(arguments) as daemon:
        file = roots.path_in(daemon.root, arguments.file)
        return show(
            arguments, ask(daemon, code_calls.check(daemon.root, file, text, scope=arguments.scope)), "code.check"
        )


def _about(arguments: Namespace, root: str, limited: str) -> dict[str, Any]:
    """What is said beside the intent of what is about to be written."""
    return {
        "signature": arguments.signature,
        "target_file": arguments.file and roots.path_in(root, arguments.file),
        "limits": limits(arguments, limited),
        "explain": arguments.explain or None,
    }


def _stdin() -> str:
    if sys.stdin is None:
        raise SemctxError("FileUnusable", "standard input is closed", hint="Give the text to standard input.")
    try:
        text = sys.stdin.read(_MOST)
        text.encode()  # in some locales what cannot be decoded is read as surrogates
    except UnicodeError:
        raise SemctxError("TextRefused", "standard input is no UTF-8") from None
    return text


def _text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read(_MOST)
    except UnicodeDecodeError as error:
        raise SemctxError("TextRefused", f"{path} is no UTF-8: {error}") from None


def _intent(arguments: Namespace) -> str:
    intent: str = _stdin() if arguments.intent == "-" else arguments.intent
    if not intent.strip():
        arguments.usage_error("the intent is empty")
    return intent.strip()
