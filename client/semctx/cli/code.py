"""The commands about code: context, files, symbols."""

from __future__ import annotations

import sys

from semctx import calls, code_calls, roots
from semctx.cli.talk import ask, connect, show
from semctx.errors import SemctxError

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from argparse import Namespace

    from semctx.protocol import Limits


def context(arguments: Namespace) -> int:
    """semctx context."""
    intent = _intent(arguments)
    with connect(arguments) as daemon:
        call = calls.context(
            daemon.root,
            intent,
            signature=arguments.signature,
            target_file=arguments.file and roots.path_in(daemon.root, arguments.file),
            limits={"symbols": arguments.limit} if arguments.limit else None,
            explain=arguments.explain or None,
        )
        answer = ask(daemon, call)
    if arguments.prompt and not arguments.json:
        from semctx.context import SemanticContext

        sys.stdout.write(SemanticContext.from_result(answer).to_prompt(arguments.max_tokens))
        return 0
    return show(arguments, answer, "code.context")


def files(arguments: Namespace) -> int:
    """semctx files."""
    intent = _intent(arguments)
    with connect(arguments) as daemon:
        call = calls.files(
            daemon.root,
            intent,
            signature=arguments.signature,
            target_file=arguments.file and roots.path_in(daemon.root, arguments.file),
            limits={"files": arguments.limit} if arguments.limit else None,
            explain=arguments.explain or None,
        )
        return show(arguments, ask(daemon, call), "code.files")


def find(arguments: Namespace) -> int:
    """semctx find."""
    limits: Limits | None = {"symbols": arguments.limit} if arguments.limit else None
    with connect(arguments) as daemon:
        call = calls.find(daemon.root, arguments.name, kind=arguments.kind, match=arguments.match, limits=limits)
        return show(arguments, ask(daemon, call), "code.find")


def check(arguments: Namespace) -> int:
    """semctx check."""
    text = sys.stdin.read() if arguments.text == "-" else _text_of(arguments.text)
    with connect(arguments) as daemon:
        file = roots.path_in(daemon.root, arguments.file)
        return show(
            arguments, ask(daemon, code_calls.check(daemon.root, file, text, scope=arguments.scope)), "code.check"
        )


def _text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise SemctxError("TextRefused", f"{path} is no UTF-8: {error}") from None


def _intent(arguments: Namespace) -> str:
    intent: str = sys.stdin.read() if arguments.intent == "-" else arguments.intent
    if not intent.strip():
        arguments.usage_error("the intent is empty")
    return intent.strip()
