"""Render docs/protocol.md from the protocol's own definition.

    python docs/render_protocol.py > docs/protocol.md

The types and their comments are read from the source of `semctx.protocol`, so that what the document says of a field
is what stands beside it.
"""

from __future__ import annotations

import ast
import inspect
import io
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from semctx import framing, protocol
from semctx.errors import ERRORS, PROTOCOL
from semctx.paths import SOCKET_NAME
from semctx.protocol import METHODS
from semctxd.config.schema import Config
from semctxd.lsp.requests import READ_ONLY

CLIENT_ERRORS = ("DaemonUnavailable", "ConnectionLost", "NoServiceManager", "FileUnusable", "Timeout")
"""Raised by a client, never sent."""

_JSON = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "None": "null", "Any": "any JSON"}


class Field(NamedTuple):
    """One field of an object."""

    name: str
    type: str  # in the words of JSON
    required: bool
    note: str


class Shape(NamedTuple):
    """One kind of object."""

    doc: str
    fields: list[Field]


def shapes() -> dict[str, Shape]:
    """Name -> shape of every TypedDict of the protocol."""
    said: dict[tuple[str, str], str] = {}  # what is said of a field once holds for its namesakes in the like objects
    found: dict[str, Shape] = {}
    for module in (protocol.base, *protocol.NOUNS):
        found.update(_shapes_in(inspect.getsource(module), said))
    return found


def _shapes_in(source: str, said: dict[tuple[str, str], str]) -> dict[str, Shape]:
    notes = _comments(source)
    found: dict[str, Shape] = {}
    for node in ast.parse(source).body:
        bases = [ast.unparse(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []
        if isinstance(node, ast.ClassDef) and any(base == "TypedDict" or base in found for base in bases):
            total = not any(word.arg == "total" and ast.unparse(word.value) == "False" for word in node.keywords)
            likes = next((end for end in ("Params", "Result") if node.name.endswith(end)), node.name)
            fields = [field for base in bases if base in found for field in found[base].fields]
            for item in node.body:
                if isinstance(item, ast.AnnAssign):
                    key = (likes, ast.unparse(item.target))
                    note = said.setdefault(key, notes.get(item.lineno, ""))
                    fields.append(_field(item, notes.get(item.lineno) or note, total))
            found[node.name] = Shape(ast.get_docstring(node) or "", fields)
    return found


def _comments(source: str) -> dict[int, str]:
    """Line -> its comment."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _field(item: ast.AnnAssign, note: str, total: bool) -> Field:
    annotation, required = item.annotation, total
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) in ("Required", "NotRequired"):
        required = ast.unparse(annotation.value) == "Required"
        annotation = annotation.slice
    return Field(ast.unparse(item.target), _type(annotation), required, note)


def _type(node: ast.expr) -> str:
    match node:
        case ast.BinOp(left, ast.BitOr(), right):
            return f"{_type(left)} or {_type(right)}"
        case ast.Subscript(ast.Name("list"), item):
            return f"array of {_type(item)}"
        case ast.Subscript(ast.Name("dict"), ast.Tuple([_, value])):
            return f"object of {_type(value)}"
        case ast.Subscript(ast.Name("Literal"), value):
            values = value.elts if isinstance(value, ast.Tuple) else [value]
            return " or ".join(f"`{ast.unparse(value)}`".replace("'", '"') for value in values)
    name = ast.unparse(node)
    return _JSON.get(name) or f"[{name}](#{name.lower()})"


def _table(shape: Shape) -> Iterator[str]:
    yield "| field | type | | meaning |"
    yield "|---|---|---|---|"
    for field in shape.fields:
        note = field.note.replace("|", "\\|")
        yield f"| `{field.name}` | {field.type} | {'' if field.required else 'optional'} | {note} |"


def _nested(shapes: dict[str, Shape]) -> list[str]:
    """The shapes that fields of others have, in order of their definition."""
    types = " ".join(field.type for shape in shapes.values() for field in shape.fields)
    return [name for name in shapes if f"[{name}]" in types]


def _general_errors() -> str:
    """Those that the daemon may answer any request with."""
    special = {error for method in METHODS.values() for error in method.errors} | set(CLIENT_ERRORS)
    return ", ".join(f"`{error}`" for error in ERRORS if error not in special)


def _methods(shapes: dict[str, Shape]) -> Iterator[str]:
    for name, method in METHODS.items():
        yield f"### {name}\n\n{method.doc}\n"
        for title, kind in (("Parameters", method.params), ("Result", method.result)):
            shape = shapes[kind.__name__]
            if shape.fields:
                yield f"{title}: {shape.doc[0].lower()}{shape.doc[1:]}\n"
                yield from _table(shape)
            else:
                yield f"{title}: none."
            yield ""
        if method.errors:
            yield "Errors: " + ", ".join(f"[{error}](#errors)" for error in method.errors) + ".\n"


def render() -> str:
    """The whole document."""
    found = shapes()
    limits = Config().daemon
    read_only = "\n".join(f"* `{method}`" for method in READ_ONLY)
    nested = "\n".join(
        line for name in _nested(found) for line in (f"### {name}\n", f"{found[name].doc}\n", *_table(found[name]), "")
    )
    errors = "\n".join(f"| `{name}` | {kind.code} | {kind.when} | {kind.hint} |" for name, kind in ERRORS.items())
    return _DOCUMENT.format(
        protocol=PROTOCOL,
        socket=SOCKET_NAME,
        mib=framing.MAX_FRAME_BYTES // 1024 // 1024,
        batch=limits.max_batch,
        under_way=limits.max_requests,
        methods="\n".join(_methods(found)).strip(),
        nested=nested.strip(),
        read_only=read_only,
        errors=errors,
        general_errors=_general_errors(),
        client_errors=", ".join(f"`{error}`" for error in CLIENT_ERRORS),
    )


_DOCUMENT = """\
<!-- Rendered by docs/render_protocol.py from client/semctx/protocol/: change that, not this. -->

# Protocol {protocol}

How a program in any language talks to the daemon: [JSON-RPC 2.0](https://www.jsonrpc.org/specification) over a Unix
socket.

## Transport

**The socket** is a stream socket, the first of these that the environment gives:

1. the path in `SEMCTX_SOCKET`,
2. `$XDG_RUNTIME_DIR/semctx/{socket}`,
3. `/tmp/semctx-UID/{socket}`, where `UID` is the number of the user.

The major version of the protocol is in its name, so two versions never meet on one socket. The socket lies in a
folder that only its user may write to; before it connects, a client should check that the folder belongs to its user
and that neither group nor others may write to it. The daemon serves only the user who runs it.

If nobody listens (there is no such file, or the connection is refused), `semctxd --detach` starts a daemon: it exits
with 0 as soon as one listens, this one or another that was faster, else with another code and the reason on standard
error. A socket file that nobody listens on is left alone: the next daemon replaces it.

**Framing.** The first byte of a connection that is no white space decides for both directions and for good:

* `{{` or `[`: *lines*. One JSON text a line; the text itself has no raw newline. Good for shells and for most clients.
* anything else: *headers*, as in the Language Server Protocol: `Content-Length: N`, an empty line (line ends are
  `\\r\\n`), and N bytes of JSON.

JSON is UTF-8. A message holds at most {mib} MiB. After one that is longer, or a header that makes no sense, the daemon
answers with `ParseError` and closes the connection, as there is no telling where the next message begins.

**Requests** may be sent without waiting for earlier replies. Each request with an `id` (a string or an integer that no
other request under way has) gets exactly one reply; **replies may come in any order**. At most {under_way} requests of
a connection are under way at once; one more is answered with `TooManyRequests`. A batch (an array) holds 1 to {batch}
requests, and is answered by one array when all are done. `params` is an object. (`max_requests` and `max_batch` in the
daemon's configuration change these two numbers.)

**Cancelling**: the notification `$/cancelRequest` with `{{"id": …}}`. The request is answered all the same: with
`Cancelled`, or with what it was about to be answered with. A client that closes its connection
has left: all its requests are cancelled. One that closes only its sending side still gets its replies.

**Greeting.** `session/hello` may be the first request. It compares the versions, and tells the daemon where the
client's Python is. For a connection that does not greet, the daemon's own environment holds.

**Notifications** come from the daemon after `events/subscribe`, between replies:

* `events/changes {{"root", "epoch", "count"}}`: files of a workspace changed; its epoch now, and how many changes.
* `events/sessions {{"root", "name", "state", "why"}}`: a child process of a workspace has another state (see
  [SessionState](#sessionstate)).
* `events/metrics`, `events/health`: once a second, the results of `metrics/get` and of `health` without a root.
* `events/log`: a line of the daemon's log, as an object.
* `events/lost {{"count"}}`: so many notifications were left out, as the client had not read those before. It comes to
  every subscriber, as soon as they are read; what was missed can be asked for (`health`, `metrics/get`).

**Names.** Parameters are in camelCase, fields of results in snake_case, except what a language server said, which is
passed on as it came. Parameters that are not listed are refused, and so are a name of over 500 characters and other
texts of over 100 000, but for that of a file. Lines count from 1 and columns from 0 in everything of our own; within
LSP's parameters and answers both count from 0. Columns are UTF-16 code units.

**Fresh answers.** With `consistency` `"strict"`, the default, an answer reflects every write that returned before the
request was sent, or it is the error `NotYetFresh`. `"relaxed"` does not wait. `epoch` counts the changes of a workspace
since the daemon opened it. `degraded` names what an answer may not reflect, and is missing if there is nothing.

## Example

```console
$ semctx start
$ echo '{{"jsonrpc":"2.0","id":1,"method":"health"}}' | nc -NU "$XDG_RUNTIME_DIR/semctx/{socket}"
{{"jsonrpc":"2.0","result":{{"status":"ok",…}},"id":1}}
```

A whole client, in Python for once without ours:

```python
import json, os, socket

path = os.environ.get("SEMCTX_SOCKET") or os.path.join(os.environ["XDG_RUNTIME_DIR"], "semctx", "{socket}")
daemon = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
daemon.connect(path)
lines = daemon.makefile("rb")


def send(id, method, **params):
    request = {{"jsonrpc": "2.0", "id": id, "method": method, "params": params}}
    daemon.sendall(json.dumps(request).encode() + b"\\n")


send(1, "session/hello", client="example/1", protocol={protocol}, env={{"PATH": os.environ["PATH"]}})
send(2, "context/query", root=os.getcwd(), intent="validate an email address", limits={{"symbols": 5}})
send(3, "symbols/find", root=os.getcwd(), name="validate_email")
replies = {{}}
while len(replies) < 3:
    message = json.loads(lines.readline())
    if "id" in message:  # else it is a notification
        replies[message["id"]] = message
for id in (2, 3):
    if "error" in replies[id]:
        print(replies[id]["error"]["message"], replies[id]["error"]["data"]["hint"])
    else:
        for symbol in replies[id]["result"]["symbols"]:
            print(f"{{symbol['file']}}:{{symbol['line']}}: {{symbol['signature']}}")
```

## Methods

{methods}

## Objects in them

{nested}

## LSP methods of lsp/request

{read_only}

`params` are LSP's own. URIs are `file:` URIs below the root; the answer spells them as the request did. Any other
method is refused with `MethodNotAllowed`.

## Errors

An error is JSON-RPC's: `code`, `message` and `data`. `data` holds `type`, which is a name of this table, and `hint`,
which says what to do; where names exist that are near to the one asked for, `nearest` lists them; `correlation_id`
finds a fault of the daemon in its log. Clients should go by `type`.

| type | code | when | hint |
|---|---|---|---|
{errors}

Any request may be answered with {general_errors}. The methods name the others that they know.
{client_errors} come from our own clients, never from the daemon.
"""

if __name__ == "__main__":
    print(render(), end="")
