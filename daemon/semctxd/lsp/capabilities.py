"""What every session tells its language server that it can take."""

from __future__ import annotations

from typing import Any

_METHODS = ("definition", "declaration", "typeDefinition", "implementation")
CAPABILITIES: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "window": {"workDoneProgress": True},
    "workspace": {
        "configuration": True,
        "workspaceFolders": True,
        "didChangeConfiguration": {"dynamicRegistration": True},
        "didChangeWatchedFiles": {"dynamicRegistration": True, "relativePatternSupport": True},
        "symbol": {"symbolKind": {"valueSet": list(range(1, 27))}},
        "diagnostics": {"refreshSupport": True},
    },
    "textDocument": {
        "synchronization": {"didSave": True},
        "documentSymbol": {"hierarchicalDocumentSymbolSupport": True, "symbolKind": {"valueSet": list(range(1, 27))}},
        "completion": {"completionItem": {"documentationFormat": ["markdown", "plaintext"]}},
        "hover": {"contentFormat": ["markdown", "plaintext"]},
        "signatureHelp": {"signatureInformation": {"documentationFormat": ["markdown", "plaintext"]}},
        "references": {},
        "documentHighlight": {},
        "foldingRange": {},
        "selectionRange": {},
        "callHierarchy": {},
        "typeHierarchy": {},
        "inlayHint": {},
        "diagnostic": {"relatedDocumentSupport": True},
        "semanticTokens": {
            "requests": {"full": True, "range": True},
            "tokenTypes": [
                "namespace", "type", "class", "enum", "interface", "struct", "typeParameter", "parameter",
                "variable", "property", "enumMember", "event", "function", "method", "macro", "keyword",
                "modifier", "comment", "string", "number", "regexp", "operator", "decorator",
            ],
            "tokenModifiers": [
                "declaration", "definition", "readonly", "static", "deprecated", "abstract", "async", "modification",
                "documentation", "defaultLibrary",
            ],
            "formats": ["relative"],
        },
        **{name: {"linkSupport": True} for name in _METHODS},
    },
}  # fmt: skip
"""The one client profile of every session, whoever caused it to start. UTF-16 only: editors follow nothing else."""
