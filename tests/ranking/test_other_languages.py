"""The seam to other languages: ranking needs records of files and a corpus, whoever makes them.

Here TypeScript, by the tags that its grammar's wheel ships (definitions and references, nothing resolved) and a corpus
that knows names alone. Every signal that does not need types works on it as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import tree_sitter_typescript
from tree_sitter import Language, Node, Parser, Query, QueryCursor

from semctxd.index.store import Store
from semctxd.index.weights import terms
from semctxd.ranking.gather import gather
from semctxd.ranking.question import Question
from semctxd.ranking.records import Body, FileRecord, Import, Kind, Record, pack
from semctxd.ranking.score import rank
from semctxd.ranking.signals import SAME_NAME

LANGUAGE = Language(tree_sitter_typescript.language_typescript())
# the wheel's tags cover what TypeScript adds; these are the plain declarations that it shares with JavaScript
TAGS = (
    tree_sitter_typescript.TAGS_QUERY
    + """
(class_declaration name: (type_identifier) @name) @definition.class
(function_declaration name: (identifier) @name) @definition.function
(method_definition name: (property_identifier) @name) @definition.method
"""
)
KINDS: dict[str, Kind] = {"class": "class", "interface": "class", "function": "function", "method": "method"}
NAME = re.compile(r"[^\W\d]\w*")

FILES = {
    "src/mail/address.ts": """
/** Whether a text is a well-formed e-mail address. */
export function isValidAddress(text: string): boolean { return /@/.test(text) }
export interface Mailbox { address: string }
""",
    "src/mail/sender.ts": """
export class Sender {
  /** Queue a message for delivery. */
  enqueue(message: Message): void { this.queue.push(message) }
}
export function sendReminder(to: string, sender: Sender): void {
  if (!isValidAddress(to)) throw new MailError(to)
  sender.enqueue(new Message(to))
}
export class MailError {}
export class Message {}
""",
    "src/ui/button.ts": "export class Button { paint(): void { draw(this.label) } }\nfunction draw(text: string) {}\n",
}


def extract(path: str, source: str) -> FileRecord:
    """The record of a file, by its tags."""
    data = source.encode()
    tree = Parser(LANGUAGE).parse(data)
    found: dict[str, tuple[Record, str]] = {}
    for captures in matches(tree.root_node):
        tag = next((tag for tag in captures if tag.startswith("definition.")), "")
        if kind := KINDS.get(tag.removeprefix("definition.")):
            node, name = captures[tag][0], captures["name"][0]
            record, body = definition(node, name, kind, data)
            record.terms, record.weights = terms(record, NAME.findall(path))
            found.setdefault(record.qualname, (record, body))
    records, bodies = zip(*sorted(found.values(), key=lambda one: (one[0].line, one[0].column)), strict=True)
    return FileRecord(path, "", list(records), [], [], "", packed=pack(bodies))


def matches(root: Node) -> Iterator[Mapping[str, list[Node]]]:
    for _, captures in QueryCursor(Query(LANGUAGE, TAGS)).matches(root):
        yield captures


def definition(node: Node, name: Node, kind: Kind, data: bytes) -> tuple[Record, str]:
    text = data[node.start_byte : node.end_byte].decode()
    inner = node.child_by_field_name("body")
    is_callable = kind in ("function", "method")
    body = data[inner.start_byte : inner.end_byte].decode() if inner and is_callable else ""
    owner = node.parent.parent if kind == "method" and node.parent else None
    owner_name = owner.child_by_field_name("name") if owner else None
    owned_by = data[owner_name.start_byte : owner_name.end_byte].decode() if owner_name else ""
    own = data[name.start_byte : name.end_byte].decode()
    comment = (
        data[: node.start_byte].decode().rpartition("/**")[2]
        if data[: node.start_byte].rstrip().endswith(b"*/")
        else ""
    )
    record = Record(
        own, owned_by, kind, name.start_point[0] + 1, name.start_point[1], node.end_point[0] + 1,
        text.partition("{")[0].strip(), comment.partition("*/")[0].strip(), "", "", "", "", "", "",
        is_callable, "", None, "", b"",
    )  # fmt: skip
    return record, body


class ByName:
    """A corpus in which a name means every definition that has it."""

    hidden = 0

    def __init__(self, store: Store) -> None:
        self.store = store

    def body(self, function: int) -> Body:
        return self.store.body(function)

    def names_used(self, function: int) -> set[str]:
        return {name for chain in self.body(function).uses for name in NAME.findall(chain)}

    def uses(self, function: int) -> list[int]:
        found = (self.store.by_name.get(name) for name in sorted(self.names_used(function)))
        return list(dict.fromkeys(id for ids in found if len(ids) <= SAME_NAME for id in ids if id != function))

    def said(self, name: str) -> int:
        return self.store.said(name)

    def named(self, path: str, qualname: str) -> int | None:
        return next((id for id in self.store.ids(path) if self.store.symbols[id].qualname == qualname), None)

    def owner(self, id: int) -> int | None:
        symbol = self.store.symbols[id]
        return self.named(symbol.path, symbol.owner) if symbol.owner else None

    def mro(self, cls: int) -> list[int]:
        return [cls]

    def members(self, cls: int) -> dict[str, int]:
        symbols = self.store.symbols
        ids = self.store.ids(symbols[cls].path)
        return {symbols[id].name: id for id in ids if symbols[id].owner == symbols[cls].qualname}

    def all_members(self, cls: int) -> dict[str, int]:
        return self.members(cls)

    def member(self, cls: int, name: str) -> int | None:
        return self.members(cls).get(name)

    def classes_in(self, annotation: str, path: str) -> list[int]:
        return [id for name in NAME.findall(annotation) for id in self.store.by_name.get(name) if self.is_class(id)]

    def is_class(self, id: int) -> bool:
        return self.store.symbols[id].kind == "class"

    def scope(self, path: str) -> dict[str, object]:
        return {}

    def imports(self, path: str) -> list[Import]:
        return self.store.files[path].imports

    def importers(self, name: str) -> list[int]:
        return []

    def imported_from(self, path: str, statement: Import) -> str | None:
        return None

    def attribute_names(self, cls: int) -> list[str]:
        return []

    def attribute(self, cls: int, name: str) -> list[object]:
        return []


def test_tags_of_typescript_are_ranked_by_the_same_signals() -> None:
    store = Store()
    for path, source in FILES.items():
        store.put(extract(path, source))
    assert {symbol.qualname: symbol.kind for symbol in store.symbols.values()} == {
        "isValidAddress": "function", "Mailbox": "class", "Sender": "class", "Sender.enqueue": "method",
        "sendReminder": "function", "MailError": "class", "Message": "class", "Button": "class",
        "Button.paint": "method", "draw": "function",
    }  # fmt: skip
    question = Question(
        "Send an invoice to a valid mail address",
        signature="function sendInvoice(to: string, sender: Sender): void",
        file="src/mail/sender.ts",
    )
    signals = gather(ByName(store), question)
    symbols = store.symbols
    votes = {symbols[id].qualname for id in signals.of("neighbours")}
    assert {"isValidAddress", "Sender.enqueue", "Message"} <= votes
    assert {symbols[id].qualname for id in signals.of("parameter type")} == {"Sender"}
    assert {symbols[id].qualname for id in signals.of("member of parameter type")} == {"Sender.enqueue"}
    ranked = [symbols[one.id].qualname for one in rank(signals, 20)]
    assert set(ranked[:5]) & {"isValidAddress", "Sender.enqueue", "Message", "MailError"}
    assert ranked.index("Sender.enqueue") < ranked.index("Mailbox")
