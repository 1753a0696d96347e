"""Finding a text in another, whatever the case and the form of its letters."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.client.finding import _folded, _letters, contains, spans
from tests.steps import steps

TRICKY = st.text(
    alphabet=st.sampled_from(
        "sSßẞſeéÉe\u0301\u0327\u0345αᾳΆfiﬁİıi🎉👩\u200d각\u1100\u1161\u11a8\u0f73ŉ x"
    )
)
ANY = st.text() | TRICKY


def marked(text: str, wanted: str) -> list[str]:
    return [text[start:end] for start, end in spans(text, wanted)]


@pytest.mark.parametrize(
    ("text", "wanted", "found"),
    [
        ("Die straße, die STRASSE", "STRASSE", ["straße", "STRASSE"]),
        ("STRASSE", "straße", ["STRASSE"]),
        ("Maß 🎉 Maß", "mass", ["Maß", "Maß"]),
        ("cafe\u0301", "CAFÉ", ["cafe\u0301"]),
        ("café", "cafe\u0301", ["café"]),
        ("café cafe", "cafe", ["cafe"]),
        ("🎉🎉 needle 🎉 Needle", "needle", ["needle", "Needle"]),
        ("👩‍👩‍👧 x", "👩‍👧", ["👩‍👧"]),
        ("eﬃcient", "FFI", ["ﬃ"]),
        ("ß", "s", ["ß"]),
        ("Ὀδυσσεύς", "ΟΔΥΣΣΕΥΣ", []),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευς", ["ΟΔΥΣΣΕΥΣ"]),
        ("각", "\u1100\u1161\u11a8", ["각"]),
        ("aaa", "aa", ["aa"]),
        ("a.b", ".", ["."]),
        ("abc", "", []),
        ("", "a", []),
    ],
)
def test_what_is_found_is_marked(text: str, wanted: str, found: list[str]) -> None:
    assert marked(text, wanted) == found
    assert contains(text, wanted) == bool(found)


@given(ANY, ANY, ANY)
def test_what_is_there_is_found_and_marked(before: str, wanted: str, after: str) -> None:
    text = before + wanted.swapcase() + after
    places = spans(text, wanted)
    assert contains(text, wanted) == bool(places)
    assert places == sorted(places)
    assert all(start < end for start, end in places)
    assert all(a[1] <= b[0] for a, b in pairwise(places))
    for start, end in places:
        assert _folded(wanted) in _folded(text[start:end])


@given(ANY, st.text(min_size=1))
def test_the_form_of_letters_makes_no_difference(text: str, wanted: str) -> None:
    composed, apart = (unicodedata.normalize(form, wanted) for form in ("NFC", "NFD"))
    assert contains(text, composed) == contains(text, apart)


@given(ANY)
def test_letters_folded_one_by_one_are_the_text_folded(text: str) -> None:
    starts, folded_starts = _letters(text)
    assert starts[-1] == len(text) or not text
    parts = [text[a:b] for a, b in pairwise(starts)]
    assert "".join(map(_folded, parts)) == _folded(text)
    assert folded_starts[-1] == len(_folded(text))


def test_a_long_message_is_searched_no_further_than_the_first_hit() -> None:
    text = "straße 🎉 " * 1_400
    assert steps(lambda: contains(text, "STRASSE")) < 20
    assert len(spans(text, "STRASSE")) == 1_400
