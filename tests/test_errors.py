"""The daemon's classes of errors are those of the protocol."""

from __future__ import annotations

import pytest

from semctx.errors import ERRORS
from semctxd import errors
from semctxd.errors import AlreadyRunning, RequestFailed

OF_THE_CLIENT = {"DaemonUnavailable", "FileUnusable", "ConnectionLost", "NoServiceManager", "Timeout"}


def test_there_is_one_class_for_each_type_that_a_daemon_can_raise() -> None:
    assert {kind.__name__ for kind in RequestFailed.__subclasses__()} == set(ERRORS) - OF_THE_CLIENT


@pytest.mark.parametrize("kind", RequestFailed.__subclasses__(), ids=lambda kind: kind.__name__)
def test_each_says_what_the_protocol_says_of_it_and_documents_itself(kind: type[RequestFailed]) -> None:
    expected = ERRORS[kind.__name__]
    error = kind()
    assert (error.type, error.code, error.message, error.hint) == (
        kind.__name__,
        expected.code,
        expected.when,
        expected.hint,
    )
    assert kind.__doc__ is not None
    assert kind.__doc__.startswith("Raised ")


def test_no_two_have_the_same_code() -> None:
    assert len({kind.code for kind in ERRORS.values()}) == len(ERRORS)


def test_message_hint_and_names_can_be_more_exact() -> None:
    error = errors.SymbolNotFound("no fliter", hint="look", nearest=["filter"])
    assert error.to_json() == {
        "code": ERRORS["SymbolNotFound"].code,
        "message": "no fliter",
        "data": {"type": "SymbolNotFound", "hint": "look", "nearest": ["filter"]},
    }


def test_each_fault_has_a_number_of_its_own() -> None:
    numbers = {errors.InternalError().to_json()["data"]["correlation_id"] for _ in range(3)}
    assert len(numbers) == 3


def test_who_already_runs_is_named_where_known() -> None:
    assert str(AlreadyRunning("/run/s", 7)) == "a daemon (process 7) already serves /run/s"
    assert str(AlreadyRunning("/run/s")) == "a daemon already serves /run/s"
