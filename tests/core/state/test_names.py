"""Names by wildcard, in pages of bounded work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.core import errors, limits
from chat.core.state.tables.paging import page_size
from chat.core.state.tables.wildcard import Wildcard
from tests.core.state.states import make


def test_names_are_filtered_and_paged() -> None:
    state = make("cat", "ann", "bob", "bobby")
    assert state.accounts.page("", "", 9) == (["ann", "bob", "bobby", "cat"], "")
    assert state.accounts.page("B?b*", "", 9) == (["bob", "bobby"], "")
    assert state.accounts.page("B?b*", "", 2) == (["bob", "bobby"], "")
    first, token = state.accounts.page("*a*", "", 1)
    assert first == ["ann"]
    assert state.accounts.page("*a*", token, 9) == (["cat"], "")
    first, token = state.accounts.page("", "", 3)
    assert state.accounts.page("", token, 3) == (["cat"], "")
    assert first == ["ann", "bob", "bobby"]
    with pytest.raises(errors.Invalid):
        state.accounts.page("", "", -1)


def test_page_sizes() -> None:
    assert page_size(0) == limits.PAGE_SIZE_DEFAULT
    assert page_size(10_000) == limits.PAGE_SIZE_MAX
    with pytest.raises(errors.Invalid):
        page_size(-1)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "", True),
        ("?", "", False),
        ("a*b*c", "aXbbXc", True),
        ("a*b", "abc", False),
        ("*" + "a*" * 30 + "b", "a" * 32, False),
        ("[a]", "a", False),
    ],
)
def test_wildcards(pattern: str, name: str, matches: bool) -> None:
    assert Wildcard(pattern).matches(name) is matches


def matches_by_definition(pattern: str, name: str) -> bool:
    if not pattern or not name:
        return not name and not pattern.strip("*")
    if pattern[0] == "*":
        rest = range(len(name) + 1)
        return any(matches_by_definition(pattern[1:], name[start:]) for start in rest)
    return pattern[0] in ("?", name[0]) and matches_by_definition(pattern[1:], name[1:])


@given(st.text("ab?*.\n", max_size=6), st.text("ab.\n", max_size=6))
def test_wildcards_are_what_they_are_said_to_be(pattern: str, name: str) -> None:
    assert Wildcard(pattern).matches(name) is matches_by_definition(pattern, name)


@given(st.text("ab?*", max_size=6), st.integers(1, 4), st.integers(1, 4))
def test_pages_of_names_hold_each_once(pattern: str, size: int, cost_max: int) -> None:
    names = sorted({a + b + c for a in ("", "a", "b") for b in "ab" for c in "ab"})
    state = make(*names)
    wanted = Wildcard(pattern or "*")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "NAMES_COST_MAX", cost_max * wanted.cost)
        found, token = state.accounts.page(pattern, "", size)
        while token:
            page, token = state.accounts.page(pattern, token, size)
            assert len(page) <= size
            found += page
    assert found == [name for name in names if wanted.matches(name)]
