"""A code generator in small, without a model: intent -> context -> code -> check -> corrected code.

    python docs/example_generator.py "Validate an email address" shop/accounts.py

It runs in the repository that it writes for, and prints what it would write. What a model would write is taken from a
template here, with a mistake that models make: names are what they sound like, and nothing is imported.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING

import semctx.aio
from semctx.provider import FunctionInfo, LSPConfig, LSPSemanticContextProvider, SemanticContext

if TYPE_CHECKING:
    from semctx.protocol import Added

_ROUNDS = 4
_FILLERS = {"a", "an", "the", "of", "for", "and", "to", "in"}


async def generate(intent: str, file: str) -> str:
    """The text of a new file for an intent, as right as the language server can tell. Raises SemctxError."""
    async with (
        LSPSemanticContextProvider(LSPConfig(".")) as provider,
        await semctx.aio.connect(".") as daemon,
    ):
        context = await provider.get_context_for_intent(intent, file)
        code = draft(intent, context)
        for number in range(1, _ROUNDS + 1):
            wrong = (await daemon.check(file, code))["diagnostics"]
            say(f"draft {number}: {len(wrong)} wrong" if wrong else f"draft {number}: nothing wrong")
            for one in wrong:
                say(f"  {one['source_line'].strip()}  <- {one['message']}")
            unknown = {one["symbol"]: one for one in wrong if "symbol" in one}
            if not unknown:
                break
            known = [function.name for function in context.available_functions]
            code = await corrected(daemon, file, code, unknown, known)
        return code


def draft(intent: str, context: SemanticContext) -> str:
    """What a model could write: a function that leaves the work to one that sounds like the intent."""
    words = [word for word in re.findall(r"\w+", intent.lower()) if word not in _FILLERS]
    name = "_".join(words)
    like = context.available_functions[0] if context.available_functions else FunctionInfo("", "", "def f(value)", "")
    parameters, returns = re.search(r"\((.*)\)(.*)", like.signature, re.S).groups()  # type: ignore[union-attr]
    names = re.findall(r"(\w+)\s*[:,=)]", re.sub(r"\[.*?\]", "", parameters) + ")")
    given = ", ".join(one for one in names[:1] if one != "self")
    return f'def {name}_of_user({parameters}){returns}:\n    """{intent.rstrip(".")}."""\n    return {name}({given})\n'


async def corrected(
    daemon: semctx.aio.Connection, file: str, code: str, unknown: dict[str, Added], known: list[str]
) -> str:
    """The code with unknown names imported where they exist, and else replaced: by the nearest name that does, or where
    none is near by the first of the `known` ones."""
    resolved = (await daemon.resolve(file, list(unknown)))["names"]
    statements = {one["statement"] for one in resolved if one["statement"]}
    for one in resolved:
        nearest = [*unknown[one["name"]].get("nearest", ()), *one["nearest"], *known]
        others = [name for name in nearest if f"def {name}(" not in code]
        if one["state"] == "unknown" and others:
            code = re.sub(rf"\b{re.escape(one['name'])}\b", others[0], code)
    head = "".join(f"{statement}\n" for statement in sorted(statements))
    return head + ("\n\n" if head and code.startswith("def ") else "") + code


def say(text: str) -> None:
    """What happens goes to standard error; standard output is the code."""
    print(text, file=sys.stderr)


def main() -> None:
    """Print the code for the intent and the file of the command line."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        print(asyncio.run(generate(sys.argv[1], sys.argv[2])), end="")
    except semctx.SemctxError as error:
        sys.exit(f"{error.message}\n{error.hint}")


if __name__ == "__main__":
    main()
