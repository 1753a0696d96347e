"""Formatted texts in the transcript: what is copied, found and chosen is what was typed."""

from __future__ import annotations

from typing import Any

import pytest

from chat.client import events as ev
from chat.core.limits import TEXT_BYTES_MAX
from tests.ui.conftest import Driver, message, signed_in
from tests.ui.transcript.test_pane import clipboard, select, the

CODE = "def f():\n\treturn 1"
TEXT = f"So **this** is `it`:\n```python\n{CODE}\n```\n- one\n> said"


def visible(driver: Driver) -> str:
    text = the(driver).text
    return str(text.tk.call(str(text), "get", "-displaychars", "1.0", "end"))


@pytest.fixture
def talk(driver: Driver) -> Driver:
    signed_in(driver, message(1, TEXT), message(2, "plain", own=True))
    return driver


def menu_labels(driver: Driver, number: int) -> list[str]:
    shown = the(driver).message(f"m{number}")
    assert shown is not None
    menu: Any = driver.app.chat.hands.menu_for(shown)
    return [menu.entrycget(n, "label") for n in range(menu.index("end") + 1)
            if menu.type(n) == "command"]  # fmt: skip


def test_signs_are_hidden_and_meant(talk: Driver) -> None:
    assert "So this is it:\npython   Copy\n" in visible(talk)
    assert "•\tone\nsaid" in visible(talk)


def test_what_is_copied_is_what_was_typed(talk: Driver) -> None:
    talk.app.chat.hands.take("m1")
    talk.app.chat.hands.copy()
    assert clipboard(talk) == TEXT
    the(talk).text.tag_add("sel", "1.0", "end")
    talk.app.chat.hands.copy()
    assert TEXT in clipboard(talk)


def test_a_part_of_it_is_copied_without_ornaments(talk: Driver) -> None:
    select(talk, "t:m1.first + 3 chars", "t:m1.last")
    talk.app.chat.hands.copy()
    assert clipboard(talk) == TEXT[3:]


def test_a_click_on_copy_copies_the_code(talk: Driver) -> None:
    talk.click_tag(the(talk).text, "copy")
    assert clipboard(talk) == CODE


def test_the_second_of_two_blocks_has_its_own_copy(driver: Driver) -> None:
    signed_in(driver, message(1, "```\na\n```\nand\n```\nb\n```"))
    text = the(driver).text
    second = text.tag_ranges("copy")[2]
    text.tag_add("here", str(second), f"{second} + 4 chars")
    driver.click_tag(text, "here")
    assert clipboard(driver) == "b"


def test_code_is_copied_from_the_menu_too(talk: Driver) -> None:
    assert "Copy code" in menu_labels(talk, 1)
    assert "Copy code" not in menu_labels(talk, 2)


def test_a_setting_shows_texts_as_they_were_typed(talk: Driver) -> None:
    talk.app.change_setting("formats", False)
    assert TEXT in visible(talk)
    assert "Copy code" not in menu_labels(talk, 1)
    talk.app.change_setting("formats", True)
    assert TEXT not in visible(talk)


def test_what_is_searched_for_is_marked_where_it_stands(talk: Driver) -> None:
    the(talk).show_message("m1", "return")
    text = the(talk).text
    assert text.get("found.first", "found.last") == "return"
    the(talk).show_message("m1", "one")
    assert text.get("found.first", "found.last") == "one"


def test_broken_code_keeps_half_of_a_narrow_window(driver: Driver) -> None:
    signed_in(driver, message(1, "```\n" + "\t" * 10 + "deep\n```"))
    text = the(driver).text
    assert int(str(text.tag_cget("hang10", "lmargin2"))) <= text.winfo_width() // 2
    driver.app.root.geometry("620x500")
    driver.settle()
    assert int(str(text.tag_cget("hang10", "lmargin2"))) <= text.winfo_width() // 2


def test_a_bar_stands_beside_a_quote(talk: Driver) -> None:
    assert the(talk).gutter.find_withtag("bar")


def test_a_message_that_begins_with_a_sign_can_be_taken_in_hand(driver: Driver) -> None:
    signed_in(driver, message(1, "**all of it**"))
    driver.app.chat.hands.take("m1")
    the(driver).text.focus_force()
    driver.settle()
    assert the(driver).text.tag_ranges("current")


@pytest.mark.parametrize("line", ["\tfor each in of:\n", "x" * 500, "\t"])
def test_the_longest_program_is_drawn_and_changed(driver: Driver, line: str) -> None:
    room = TEXT_BYTES_MAX - len("```\n\n```")
    text = f"```\n{(line * (room // len(line) + 1))[:room]}\n```"
    signed_in(driver, message(1, text, own=True))
    driver.show(ev.ReadReceipt("ada", 1, False))
    assert the(driver).text.get("m:m1.first", "m:m1.last").endswith("```   ✓✓ read\n")
    driver.app.change_setting("scale_percent", 200)
    driver.settle()
