"""What is typed to find something: words, and what narrows them down."""

from __future__ import annotations

from datetime import datetime

import pytest

from chat.client.search_wish import FILTERS, SearchWish, wish_of


def at(*parts: int) -> float:
    return datetime(*parts).astimezone().timestamp()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "wish"),
    [
        ("", SearchWish()),
        ("two  words", SearchWish("two words")),
        ("proof from:ada", SearchWish("proof", sender="ada")),
        ("From:@Ada the proof", SearchWish("the proof", sender="Ada")),
        ("proof from:me", SearchWish("proof", sender="bob")),
        ("in:#lab proof", SearchWish("proof", "#lab")),
        ("proof in:ada", SearchWish("proof", "ada")),
        ("proof on:2026-03-17", SearchWish("proof", since=at(2026, 3, 17), until=at(2026, 3, 18))),
        ("proof after:2026-12-31", SearchWish("proof", since=at(2027, 1, 1))),
        ("proof before:2026-3-1", SearchWish("proof", until=at(2026, 3, 1))),
        ("proof after:2026-03-01 after:2026-04-01", SearchWish("proof", since=at(2026, 4, 2))),
        ("x after:2026-03-01 before:2026-03-03",
         SearchWish("x", since=at(2026, 3, 2), until=at(2026, 3, 3))),
        ("https://a.b/c note: a:b", SearchWish("https://a.b/c note: a:b")),
    ],
)  # fmt: skip
def test_a_wish_is_words_and_what_narrows_them_down(typed: str, wish: SearchWish) -> None:
    assert wish_of(typed, "bob") == wish


@pytest.mark.parametrize("name", FILTERS)
def test_each_example_that_people_are_told_is_one(name: str) -> None:
    assert wish_of(f"word {FILTERS[name]}", "bob") != SearchWish("word")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("from:", "from:ada"), ("x in:", "in:#lab"), ("from:ada", "Say a word"),
        ("x on:", "on:2026-03-17"), ("x on:2026-02-30", "on:2026"),
        ("x before:0001-01-01", "before:"), ("x after:9999-12-31", "after:2026"),
        ("x after:yesterday", "after:2026-03-17"),
    ],
)  # fmt: skip
def test_what_is_not_whole_is_said(typed: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        wish_of(typed, "bob")
