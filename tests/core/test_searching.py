"""The one rule by which a search finds: words, parts of words, letters in all their forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.core.limits import SEARCH_WORDS_MAX
from chat.core.searching import _letters, folded, found_at, words_of


@pytest.mark.parametrize(
    ("text", "wanted", "marked"),
    [
        ("The folder", "fold", ["fold"]),
        ("The FOLDER of folders", "fold er", ["FOLDER", "folder"]),
        ("Résumé", "resume", ["Résumé"]),
        ("re\u0301sume\u0301 x", "RÉSUMÉ", ["re\u0301sume\u0301"]),
        ("Straße", "SS", ["ß"]),
        ("Ёжик и Йод", "еж йо", ["Ёж", "Йо"]),
        ("ﬁne", "fin", ["ﬁn"]),
        ("ΣΊΣΥΦΟΣ", "σισυφος", ["ΣΊΣΥΦΟΣ"]),
        ("東京に行く", "京に", ["京に"]),
        ("が", "か", []),
        ("か\u3099く", "がく", ["か\u3099く"]),
        ("한국", "하", []),
        ("ok 👍🏽", "👍", ["👍"]),
        ('a "b" AND c*', 'AND "b"', ['"b"', "AND"]),
        ("nothing", "", []),
    ],
)
def test_where_words_are(text: str, wanted: str, marked: list[str]) -> None:
    assert [text[start:end] for start, end in found_at(text, words_of(wanted))] == marked


def test_words_are_few_and_each_is_one() -> None:
    assert words_of("a  b\ta A\u00e1 b") == ("a", "b", "aa")
    assert len(words_of(" ".join(map(str, range(100))))) == SEARCH_WORDS_MAX


@given(st.text(max_size=40), st.text(max_size=6))
def test_what_is_marked_is_what_is_found(text: str, wanted: str) -> None:
    words = words_of(wanted)
    letters = _letters(text)[0]
    spans = found_at(text, words)
    assert bool(spans) == any(word in letters for word in words)
    ends = [0, *(place for span in spans for place in span)]
    assert ends == sorted(ends)
    assert all(start < end <= len(text) for start, end in spans)


@given(st.text(max_size=40))
def test_nothing_that_is_typed_is_a_mark_of_the_index(text: str) -> None:
    assert not set(folded(text)) & set(map(chr, range(1, 9)))
