"""The rules behind the fields, without a display: layouts, undo, one line, what is too long."""

from __future__ import annotations

import pytest

from chat.core.limits import FIELD_UNDO_STEPS_MAX, TEXT_BYTES_MAX
from chat.ui import keys, typed
from chat.ui.chords import Chord, Press, candidates, find, is_letter_with_control, parse
from chat.ui.history import Content, History, Kind

# --- layouts ---------------------------------------------------------------------------------

CONTROL_C = Chord("c", control=True)


@pytest.mark.parametrize(
    ("system", "press", "meant"),
    [
        ("x11", Press("c", 0x63, 54, 0x4), "<Control-c>"),
        ("x11", Press("C", 0x43, 54, 0x6), "<Control-c>"),  # Caps Lock
        ("x11", Press("Cyrillic_es", 0x6D3, 54, 0x4), "<Control-c>"),
        ("x11", Press("Greek_psi", 0x7F8, 54, 0x14), "<Control-c>"),  # Num Lock
        ("x11", Press("Georgian_can", 0x10010EA, 54, 0x4), "<Control-c>"),
        ("x11", Press("ampersand", 0x26, 10, 0x4), "<Control-1>"),  # French
        ("x11", Press("1", 0x31, 10, 0x5), "<Control-1>"),  # French, with Shift
        ("x11", Press("plus", 0x2B, 10, 0x4), "<Control-1>"),  # Czech
        ("x11", Press("Arabic_hamza", 0x5C1, 53, 0xC), "<Control-Alt-x>"),
        ("win32", Press("Cyrillic_es", 0x6D3, 0x43, 0x4), "<Control-c>"),
        ("win32", Press("ampersand", 0x26, 0x31, 0x4), "<Control-1>"),
        ("win32", Press("c", 0x63, 0x43, 0x4), "<Control-c>"),
        ("aqua", Press("c", 0x63, 0x8000063, 0x8), "<Control-c>"),  # Command
        ("aqua", Press("Left", 0xFF51, 0x7B00000, 0x11), "<Alt-Shift-Left>"),
    ],
)
def test_what_a_press_means(system: str, press: Press, meant: str) -> None:
    assert find({parse(meant): True}, press, system)


@pytest.mark.parametrize(
    ("system", "press", "not_meant"),
    [
        ("x11", Press("j", 0x6A, 54, 0x4), "<Control-c>"),  # Dvorak: the letter counts
        ("x11", Press("q", 0x71, 38, 0x4), "<Control-a>"),  # French
        ("x11", Press("exclam", 0x21, 10, 0x5), "<Control-1>"),  # US, with Shift
        ("x11", Press("c", 0x63, 54, 0x44), "<Control-c>"),  # the window manager's key
        ("x11", Press("Left", 0xFF51, 113, 0x5), "<Control-Left>"),  # selects
        ("win32", Press("c", 0x63, 0x43, 0x20004), "<Control-c>"),  # AltGr
        ("aqua", Press("c", 0x63, 0x8000063, 0x4), "<Control-c>"),  # Control is not Command
        ("aqua", Press("Cyrillic_es", 0x6D3, 54, 0x8), "<Control-c>"),  # macOS types a c itself
    ],
)
def test_what_a_press_does_not_mean(system: str, press: Press, not_meant: str) -> None:
    assert not find({parse(not_meant): True}, press, system)


@pytest.mark.parametrize(
    ("system", "press", "dulled"),
    [
        ("x11", Press("d", 0x64, 40, 0x4), True),
        ("x11", Press("Cyrillic_ve", 0x6D7, 40, 0x4), True),
        ("x11", Press("d", 0x64, 40, 0), False),
        ("x11", Press("Return", 0xFF0D, 36, 0x4), False),
        ("win32", Press("at", 0x40, 0x51, 0x20004), False),  # AltGr+Q, German
        ("aqua", Press("d", 0x64, 0, 0x8), False),
    ],
)
def test_control_and_a_letter_do_nothing_unexpected(
    system: str, press: Press, dulled: bool
) -> None:
    assert is_letter_with_control(press, system) is dulled


def test_a_dead_key_means_nothing_else() -> None:
    dead = Press("dead_acute", 0xFE51, 21, 0x4)
    assert list(candidates(dead, "x11")) == [Chord("dead_acute", control=True)]


@pytest.mark.parametrize("system", ["x11", "win32", "aqua"])
def test_no_key_means_two_things(system: str) -> None:
    edits = [parse(sequence) for edit in keys.EDITS for sequence in edit.on(system)]
    shortcuts = [parse(sequence) for s in keys.SHORTCUTS for sequence in s.sequences]
    assert len(set(edits)) == len(edits)
    assert len(set(shortcuts)) == len(shortcuts)
    assert not set(edits) & set(shortcuts)


def test_a_key_is_named_as_on_the_system() -> None:
    assert keys.label("<Control-Shift-z>", "x11") == "Ctrl+Shift+Z"
    assert keys.label("<Control-Shift-z>", "aqua") == "⌘⇧Z"


# --- undo --------------------------------------------------------------------------------------


def typing(history: History, text: str, more: str, kind: Kind = Kind.TYPED) -> str:
    after = text + more
    history.changed(Content(text, len(text)), Content(after, len(after)), kind)
    return after


def test_letters_of_a_word_are_one_step_and_words_are_several() -> None:
    history, text = History(), ""
    for letter in "one":
        text = typing(history, text, letter)
    text = typing(history, text, " ", Kind.PUT_IN)
    for letter in "two":
        text = typing(history, text, letter)
    seen = []
    present = Content(text, len(text))
    while before := history.undo(present):
        seen.append(before.text)
        present = before
    assert seen == ["one ", "one", ""]
    while after := history.redo(present):
        present = after
    assert present.text == "one two"


def test_what_took_the_place_of_a_selection_is_one_step() -> None:
    history = History()
    whole, gap, after = Content("one two", 7), Content("one ", 4), Content("one six", 7)
    history.changed(Content("", 0), whole, Kind.PUT_IN)
    history.changed(whole, gap, Kind.ERASED)
    history.changed(gap, after, Kind.PUT_IN)
    assert history.undo(after) == whole


def test_nothing_goes_back_behind_what_the_program_did() -> None:
    history = History()
    typing(history, "", "a secret", Kind.PUT_IN)
    assert history.undo(Content("", 0)) is None
    assert history.redo(Content("", 0)) is None


def test_the_steps_are_bounded() -> None:
    history, text = History(), ""
    for _ in range(2 * FIELD_UNDO_STEPS_MAX):
        text = typing(history, text, "ab", Kind.PUT_IN)
    present, steps = Content(text, len(text)), 0
    while before := history.undo(present):
        present, steps = before, steps + 1
    assert steps == FIELD_UNDO_STEPS_MAX


# --- one line ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pasted", "taken"),
    [("hunter2\n", "hunter2"), ("\r\nhunter2\r\n", "hunter2"), ("hunter2\t", "hunter2"),
     (" two  words ", " two  words "), ("\n\t\n", ""), ("a\x00b\x07", "ab")],
)  # fmt: skip
def test_the_end_of_a_line_is_no_part_of_it(pasted: str, taken: str) -> None:
    assert typed.single_line(pasted) == (taken, "")
    assert typed.single_line(pasted, secret=True) == (taken, "")


def test_lines_are_joined_but_of_a_secret_the_first_is_taken() -> None:
    assert typed.single_line("a:1\r\n\r\nb:2\n") == ("a:1 b:2", "")
    assert typed.single_line("one\n\ntwo\nthree", secret=True) == (
        "one", "Only the first of 3 lines was used."
    )  # fmt: skip


# --- what is too long ------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["a", "é", "字", "😀", "👩\u200d🚀", "👍🏽", "e\u0301", "❤\ufe0f"])
def test_a_beginning_never_cuts_a_character(sign: str) -> None:
    for room in range(60):
        beginning = typed.fitting(sign * 60, room)
        assert typed.size(beginning) <= room
        assert beginning == sign * (len(beginning) // len(sign))
        assert room - typed.size(beginning) < typed.size(sign)


def test_parts_are_messages_and_nothing_is_missing() -> None:
    words = [f"word{n}" for n in range(6_000)]
    text = " ".join(words)
    found = typed.parts(text)
    assert len(found) == -(-typed.size(text) // TEXT_BYTES_MAX)
    assert all(typed.refusal(part) == "" for part in found)
    assert "".join(found) == text
    assert all(part.endswith(" ") for part in found[:-1])


def test_parts_end_with_a_line_where_there_is_one() -> None:
    text = "\n".join("x" * 99 for _ in range(400))
    found = typed.parts(text)
    assert "\n".join(found) == text


def test_parts_of_one_long_line() -> None:
    text = "😀" * 10_000
    found = typed.parts(text)
    assert "".join(found) == text
    assert [typed.size(part) for part in found] == [16_384, 16_384, 7_232]


def test_a_part_of_nothing_is_not_sent() -> None:
    assert typed.parts("x" + "\n" * 40_000) == ["x"]
