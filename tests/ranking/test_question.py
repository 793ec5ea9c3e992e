from __future__ import annotations

from semctxd.ranking.question import Question, read_draft
from semctxd.ranking.text import stem


def test_what_is_said_is_taken_apart() -> None:
    question = Question(
        "Encode a user record",
        "def encode(self, user: User, *, depth=1) -> bytes:",
        ":param user: the one\n:param int depth: how deep\n:return: A Payload of it",
        "a.py",
        "Codec.encode",
    )
    assert (question.name, question.owner) == ("encode", "Codec")
    assert question.parameters == [("user", "User"), ("depth", "")]
    assert "bytes" in question.returns and "Payload" in question.returns
    assert question.terms[stem("encode")] == 2**0.5 and question.terms[stem("record")] == 1
    assert list(question.intent_terms) == [stem("encode"), stem("user"), stem("record")]
    assert {"User", "user", "depth", "Payload"} <= question.names.keys()


def test_the_name_comes_from_the_signature_where_there_is_no_qualname() -> None:
    assert Question("x", "def encode(x)").name == "encode"
    assert Question("x").name == ""


def test_a_draft_need_not_parse() -> None:
    draft = read_draft("result = self.load(\n  user.name # comment.here\n)[0].items().other\ndef (")
    assert list(draft.calls) == ["load", "items", "def"]
    assert draft.attributes["load"] == "self" and draft.attributes["name"] == "user"
    assert draft.attributes["other"] == ""  # of a call's result
    assert "comment" not in draft.names and "result" in draft.names
