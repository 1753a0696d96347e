"""Code, emphasis, quotes and lists: what they mean, and that every typed character stays."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.core.limits import TEXT_BYTES_MAX
from chat.ui.transcript.formatting import Formatted, formatted, plain

BUSY_S = 2.0  # far more than any text takes, on a machine that has other things to do

PROGRAM = "def f(x):\n\treturn x * 2  # *not* _this_\n\n\n\treturn"


def typed(shown: Formatted) -> str:
    return "".join(part.text for part in shown.parts if part.typed)


def seen(text: str) -> str:
    """What a person sees of it."""
    return "".join(part.text for part in formatted(text).parts if "hidden" not in part.styles)


def styled(text: str, style: str) -> list[str]:
    """What is seen in this style."""
    return [part.text for part in formatted(text).parts
            if style in part.styles and "hidden" not in part.styles]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "style", "expected"),
    [
        ("so *this* is", "em", ["this"]),
        ("so _this_ is", "em", ["this"]),
        ("so **this** is", "strong", ["this"]),
        ("***this***", "strong_em", ["this"]),
        ("**a *b* c**", "strong", ["a ", " c"]),
        ("call `sort()` now", "code", ["sort()"]),
        ("`` a`b ``", "code", ["a`b"]),
        ("`*a*`", "code", ["*a*"]),
        ("**强调**文字", "strong", ["强调"]),
        ("> said\n\nand", "quote", ["said\n"]),
        ("**https://example.org/_a_**", "strong", ["https://example.org/_a_"]),
        ("*🎉 ok*", "em", ["🎉 ok"]),
    ],
)
def test_what_is_meant_is_styled(text: str, style: str, expected: list[str]) -> None:
    assert styled(text, style) == expected
    assert typed(formatted(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "2*3*4", "2**3**2 = 512", "snake_case_name", "a * b * c", "*", "**", "_", "`", "> ".strip(),
        "5 > 3", "-5 degrees", "- ".strip(), "<b>no</b> & &amp;", "[a](http://b.org)", "# title",
        "---", "    four spaces", "C:\\temp\\new", "```", "1.5 or 2.", "~~struck~~", "a\\b",
    ],
)  # fmt: skip
def test_what_only_looks_like_it_stands_as_typed(text: str) -> None:
    assert seen(text) == text
    assert typed(formatted(text)) == text


def test_a_backslash_makes_a_sign_a_sign() -> None:
    assert seen("\\*not\\* \\`this\\`") == "*not* `this`"


def test_a_list_has_bullets_and_its_own_numbers() -> None:
    text = "- one\n- two\n  more\n    - deeper\n\n7. seven\n8. eight"
    assert seen(text) == "•\tone\n•\ttwo\nmore\n•\tdeeper\n\n7.\tseven\n8.\teight"
    assert styled(text, "item4") == ["•\t", "deeper\n"]
    assert typed(formatted(text)) == text


def test_an_answer_below_a_quote_or_a_list_is_no_part_of_it() -> None:
    assert styled("> is it?\nit is", "quote") == ["is it?\n"]
    assert styled("- one\nand so on", "item2") == ["•\t", "one\n"]
    assert styled("- one\nand so on", "in2") == []


def test_a_code_block_is_as_it_was_pasted_and_can_be_copied() -> None:
    text = f"look:\n```python\n{PROGRAM}\n```\nwell?"
    shown = formatted(text)
    assert shown.code == (PROGRAM,)
    assert seen(text) == f"look:\npython   Copy\n{PROGRAM}\n\nwell?"
    assert "".join(styled(text, "block")) == f"python   Copy\n{PROGRAM}\n"
    assert not styled(text, "em")
    assert typed(shown) == text


def test_a_broken_line_of_code_goes_on_further_in_than_it_began() -> None:
    text = "```\na\n    b\n\tc\n        d\n" + "\t" * 30 + "e\n```"
    assert styled(text, "hang1") == ["    b\n\tc\n"]
    assert styled(text, "hang2") == ["        d\n"]
    assert styled(text, "hang10") == ["\t" * 30 + "e\n"]
    assert typed(formatted(text)) == text


def test_a_code_block_that_was_not_ended_ends_with_the_text() -> None:
    assert formatted("```\na\nb").code == ("a\nb",)
    assert formatted("~~~ rust\na\n~~~").code == ("a",)


def test_code_in_a_list_or_a_quote_is_copied_without_what_stands_before_it() -> None:
    assert formatted("- so:\n  ```\n  a\n    b\n  ```").code == ("a\n  b",)
    assert formatted("> ```\n> a\n> ```").code == ("a",)


def test_links_are_those_of_the_plain_text_except_in_code() -> None:
    text = "see https://example.org/a*b*_c_ or `https://example.org`"
    assert styled(text, "url") == ["https://example.org/a*b*_c_"]
    assert [part.text for part in plain(text).parts if part.styles] == [
        "https://example.org/a*b*_c_", "https://example.org",
    ]  # fmt: skip


SIGNS = st.sampled_from(
    ["*", "**", "_", "`", "```", "~~~", ">", "> ", "- ", "1. ", "\n", "\n\n", "  ", "    ", "\t",
     "\\", "a", "word", "🎉", "é", "\r\n", "\0", "\u2028", "https://example.org/_x_", "\x0c", "x" ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(SIGNS, max_size=60).map("".join))
def test_no_typed_character_is_lost_moved_or_doubled(text: str) -> None:
    shown = formatted(text)
    assert typed(shown) == text
    assert all(part.text for part in shown.parts)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_nor_of_any_text(text: str) -> None:
    assert typed(formatted(text)) == text


HOSTILE = {
    "stars": "*a ", "strong": "**a", "pairs": "*a* ", "quotes": ">", "items": "- ",
    "lists": "- a\n", "numbers": "1. ", "ticks": "`a", "tick": "`", "fences": "```\n",
    "blocks": "```\na\n```\n", "quoted": "> a\n", "tabs": "-\ta\n", "lines": "\n",
    "escapes": "\\*", "mixed": "*_`>~- 1. ", "stars and lines": "*_", "links": "*http://a.b/ ",
    "lazy": "> a\nb\n", "nested": "> - ", "empty items": "-\n",
}  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_text_holds_the_window(piece: str) -> None:
    text = (piece * (TEXT_BYTES_MAX // len(piece) + 1))[:TEXT_BYTES_MAX]
    began = time.process_time()
    shown = formatted.__wrapped__(text)
    assert time.process_time() - began < BUSY_S
    assert typed(shown) == text
    assert len(shown.parts) < 3_000  # of what Tk draws
