"""Who is called by `@` in a text."""

from __future__ import annotations

import pytest

from chat.core.limits import TEXT_BYTES_MAX
from chat.core.mentions import is_mentioned, mentions
from tests.steps import steps

NAMES = ("ann", "ann-marie", "ann.lee", "bob", "ünal", "o'neil", "小明", "c++")


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("@ann", ["ann"]),
        ("(@Ann!)", ["ann"]),
        ("@ann: look", ["ann"]),
        ("@anna", []),
        ("post@ann", []),
        ("@@ann", []),
        ("@ann-marie and @ann.lee.", ["ann-marie", "ann.lee"]),
        ("@ann-mari", []),
        ("@ann's", ["ann"]),
        ("@O'Neil's", ["o'neil"]),
        ("@ann,bob", ["ann"]),
        ("@ann,@bob/@ann", ["ann", "bob", "ann"]),
        ("@U\u0308NAL?", ["ünal"]),
        ("@小明，看", ["小明"]),
        ("**@bob** @c++.", ["bob", "c++"]),
        ("@", []),
        ("@ ann", []),
    ],
)
def test_names_are_called_as_a_whole(text: str, called: list[str]) -> None:
    found = list(mentions(text, NAMES))
    assert [name for _, _, name in found] == called
    assert all(text[begin] == "@" for begin, _, _ in found)
    for name in NAMES:
        assert is_mentioned(text, name) is any(
            each == name for _, _, each in mentions(text, (name,))
        )


def test_the_place_is_that_of_the_mark_and_the_name() -> None:
    ((begin, end, _),) = mentions("so, @Ann: look", NAMES)
    assert "so, @Ann: look"[begin:end] == "@Ann"


@pytest.mark.parametrize("piece", ["@x,", "@" + "," * 63 + " ", "@x", "x,", "@@", "@ann,"])
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * TEXT_BYTES_MAX)[:TEXT_BYTES_MAX]
    assert steps(lambda: list(mentions(text, NAMES))) < 20 * TEXT_BYTES_MAX
    assert steps(lambda: list(mentions("@" + text[:-1], NAMES))) < 20 * TEXT_BYTES_MAX
