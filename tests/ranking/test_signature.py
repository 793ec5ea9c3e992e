from __future__ import annotations

import pytest

from semctxd.ranking.signature import name_of, parameter_names, parameters, returned


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("def f(self, a: int, *args, b='x', **kw)", [("self", ""), ("a", "int"), ("args", ""), ("b", ""), ("kw", "")]),
        ("def f(a: dict[str, int] = {'a': (1, 2)}, /, b: X = y)", [("a", "dict[str, int]"), ("b", "X")]),
        ("def f(a: Callable[[int], str], b=')') -> None", [("a", "Callable[[int], str]"), ("b", "")]),
        ("def f(a=f(1, 2)) -> dict[str, int]", [("a", "")]),
        ("def f()", []),
        ("def f", []),
        ("f(a, b", [("a", ""), ("b", "")]),
        ("def f(a: Literal['x,y'], b", [("a", "Literal['x,y']"), ("b", "")]),
    ],
)
def test_parameters_of_whole_and_broken_signatures(signature: str, expected: list[tuple[str, str]]) -> None:
    assert parameters(signature) == expected
    assert parameter_names(signature) == [name for name, _ in expected]


def test_name_and_result() -> None:
    assert name_of("async def fetch_all(x) -> list[int]:") == "fetch_all"
    assert name_of("class A(B)") == "A"
    assert name_of("fetch_all(x)") == ""
    assert returned("def f(x) -> dict[str, int]:") == "dict[str, int]"
    assert returned("def f(x)") == ""
