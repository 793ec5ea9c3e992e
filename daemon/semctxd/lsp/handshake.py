"""What a language server is told of its client, and the answers to what it asks of it in turn. Plain functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from semctxd.child.messages import Message
from semctxd.lsp.capabilities import CAPABILITIES
from semctxd.lsp.sync import to_uri
from semctxd.lsp.typed import params_of

_KEPT_ENVIRONMENT = (
    "HOME",
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "SSL_CERT_FILE",
)


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a language server: an allow-list, so that neither secrets nor a PYTHONPATH reach it."""
    return {name: environment[name] for name in _KEPT_ENVIRONMENT if name in environment}


def initialize(root: str, options: object) -> bytes:
    """The parameters of `initialize`, with the server's own options."""
    parameters = {
        "processId": os.getpid(),
        "clientInfo": {"name": "semctx"},
        "rootUri": to_uri(root),
        "rootPath": root,
        "workspaceFolders": _folders(root),
        "capabilities": CAPABILITIES,
        "initializationOptions": options,
    }
    return msgspec.json.encode(parameters)


def nothing(root: str) -> bytes:
    """A position in a file that is not there."""
    document = {"uri": to_uri(root) + "/.semctx-probe.py"}
    return msgspec.json.encode({"textDocument": document, "position": {"line": 0, "character": 0}})


def result_for(message: Message, root: str, settings: Mapping[str, Any], watch: Callable[[set[str]], None]) -> object:
    """The result of a server's request; `watch` is called with the folders that it registers to be told about.

    Raises whatever a converter does that trips over a misshapen request.
    """
    if message.method == "workspace/configuration":
        return [settings.get(item.section, {}) if item.section else settings for item in params_of(message).items]
    if message.method == "workspace/workspaceFolders":
        return _folders(root)
    if message.method == "workspace/applyEdit":
        return {"applied": False}
    if message.method == "client/registerCapability":
        for registration in params_of(message).registrations:
            if registration.method == "workspace/didChangeWatchedFiles":
                watch(
                    {base for one in registration.register_options["watchers"] if (base := _base(one["globPattern"]))}
                )
    return None


def filled(value: Any, fields: Mapping[str, str]) -> Any:
    """A copy of a setting with its placeholders filled in; a setting whose placeholder is empty is left out."""
    if isinstance(value, dict):
        copy = {key: filled(item, fields) for key, item in value.items()}
        return {key: item for key, item in copy.items() if item != ""}
    return fields.get(value, value) if isinstance(value, str) else value


def _folders(root: str) -> list[dict[str, str]]:
    return [{"uri": to_uri(root), "name": os.path.basename(root)}]


def _base(pattern: Any) -> str:
    """The folder of a glob pattern that a server registered, if it is a relative pattern."""
    base = pattern.get("baseUri", "") if isinstance(pattern, dict) else ""
    uri = base if isinstance(base, str) else base.get("uri", "")
    return os.path.normpath(unquote(uri.removeprefix("file://"))) if uri.startswith("file:///") else ""
