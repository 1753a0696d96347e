"""What is too long for a field stays out, by whatever way it comes, and the person decides."""

from __future__ import annotations

import time
import tkinter as tk
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chat.client import events as ev
from chat.core.limits import FIELD_CHARACTERS_MAX, TEXT_BYTES_MAX
from chat.ui import typed
from chat.ui.dialogs import DeleteAccountDialog
from chat.ui.picker import UserPicker
from chat.ui.settings_dialog import SettingsDialog
from tests.ui.conftest import Driver, Typist, message, signed_in
from tests.ui.test_fields import WINDOWS, content, fields_of

HUGE = "0123456789abcdef" * 128_000  # 2,048,000 bytes in one line


def by_key(driver: Typist, field: Any, text: str) -> None:
    field.clipboard_clear()
    field.clipboard_append(text)
    driver.key(field, "<Control-v>")


def by_menu(driver: Typist, field: Any, text: str) -> None:
    field.clipboard_clear()
    field.clipboard_append(text)
    menu = field.menu()
    menu.invoke(menu.index("Paste"))
    driver.settle()


def by_middle_button(driver: Typist, field: Any, text: str) -> None:
    driver.app.root.selection_handle(
        lambda offset, length: text[int(offset) : int(offset) + int(length)], type="UTF8_STRING"
    )
    driver.app.root.selection_own()
    for event in ("<Motion>", "<ButtonPress-2>", "<ButtonRelease-2>"):
        field.event_generate(event, x=5, y=5)
    driver.settle()


def by_program(driver: Typist, field: Any, text: str) -> None:
    field.insert("insert", text)
    driver.settle()


WAYS: tuple[Callable[[Typist, Any, str], None], ...] = (
    by_key, by_menu, by_middle_button, by_program,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("window", WINDOWS)
def test_no_field_takes_two_megabytes(
    typist: Typist, window: type | str, way: Callable[[Typist, Any, str], None]
) -> None:
    for field in fields_of(WINDOWS[window](typist)):
        before = content(field)
        began = time.process_time()
        way(typist, field, HUGE)
        assert time.process_time() - began < 2.0
        assert content(field) == before
        if isinstance(field, tk.Text):
            said = typist.app.chat.composer.error.cget("text")
            assert said == "Too long for a message: 2,048,000 of 16,384 bytes."
        else:
            said = field.word.shown
            assert said == "Too long for this field: 2,048,000 of 4,096 characters." or before
        way(typist, field, "x")
        assert content(field).count("x") == before.count("x") + 1


@pytest.mark.parametrize("way", WAYS)
def test_a_field_of_one_line_takes_no_line_ends(
    typist: Typist, way: Callable[[Typist, Any, str], None]
) -> None:
    page = WINDOWS["sign_in"](typist)
    for name, field in page.fields.items():
        way(typist, field, "correct horse\r\n")
        assert field.get() == "correct horse", name
    page.fields["username"].fill("bob")
    page.submit()
    assert typist.session.asked("register") == [
        ("bob", *2 * ("correct horse",))
    ]  # password, invite


def test_a_secret_of_several_lines_is_its_first_and_the_person_is_told(typist: Typist) -> None:
    field: Any = typist.app.sign_in.fields["password"]
    by_key(typist, field, "correct horse\nbattery staple\n")
    assert field.get() == "correct horse"
    assert field.word.shown == "Only the first of 2 lines was used."
    typist.key(field, "<x>")
    assert field.word.shown == ""


def test_a_password_that_was_cleared_does_not_come_back(typist: Typist) -> None:
    page = typist.app.sign_in
    by_key(typist, page.fields["password"], "correct horse")
    page.reset()
    for key in ("<Control-z>", "<Control-y>", "<Control-z>"):
        typist.key(page.fields["password"], key)
        assert page.password.get() == ""


def test_one_letter_too_many_stays_out(typist: Typist) -> None:
    composer = WINDOWS["chat"](typist).composer
    composer.put("x" * TEXT_BYTES_MAX)
    typist.key(composer.text, "<y>")
    assert composer.value == "x" * TEXT_BYTES_MAX
    assert composer.error.winfo_ismapped()
    assert not composer.is_offering
    typist.key(composer.text, "<BackSpace>")
    assert not composer.error.winfo_ismapped()
    typist.key(typist.app.sign_in.fields["username"], "<y>")  # a field of one line, for itself
    field = typist.app.chat.search.entry
    field.fill("x" * FIELD_CHARACTERS_MAX)
    typist.key(field, "<y>")
    assert field.get() == "x" * FIELD_CHARACTERS_MAX
    assert field.word.shown


@pytest.mark.parametrize("way", WAYS)
def test_what_comes_by_any_way_counts_as_typed(
    typist: Typist, way: Callable[[Typist, Any, str], None]
) -> None:
    """Not only what ends with a key: a menu and the mouse put text in, too."""
    way(typist, WINDOWS["chat"](typist).search.entry, "hello")
    typist.wait_until(lambda: bool(typist.session.asked("search")), "no search")
    way(typist, WINDOWS[UserPicker](typist).entry, "gra")
    typist.wait_until(lambda: ("*gra*",) in typist.session.asked("list_users"), "nobody asked")
    number = next(f for f in fields_of(WINDOWS[SettingsDialog](typist)) if f.get() == "5")
    number.delete(0, "end")
    way(typist, number, "7")
    assert typist.profile.settings.read_next == 7
    dialog = WINDOWS[DeleteAccountDialog](typist)
    way(typist, dialog.fields["name"], "bob")
    way(typist, dialog.fields["password"], "correct horse")
    assert dialog.button.instate(["!disabled"])


def test_nothing_is_offered_where_nothing_can_be_sent(typist: Typist) -> None:
    composer = WINDOWS["chat"](typist).composer
    composer.set_enabled(False)
    for way in WAYS:
        way(typist, composer.text, HUGE)
        assert not composer.is_offering
        assert composer.value == ""


# --- what the composer offers -----------------------------------------------------------------


def offered(driver: Driver, text: str, before: str = "") -> Any:
    signed_in(driver)
    composer = driver.app.chat.composer
    composer.put(before)
    composer.text.put_in(text)
    driver.settle()
    assert composer.is_offering
    return composer


def test_a_few_messages_are_sent_at_a_stroke(driver: Driver) -> None:
    composer = offered(driver, "word " * 8_000, before="See: ")
    assert composer.send_parts.cget("text") == "Send as 3 messages"
    composer.send_parts.invoke()
    driver.settle()
    sent = [text for _contact, text in driver.session.asked("send")]
    assert "".join(sent) == "See: " + "word " * 8_000
    assert composer.value == ""
    assert not composer.is_offering
    assert driver.profile.draft("bob", "ada") == ""


def test_the_beginning_can_be_put_in(driver: Driver) -> None:
    composer = offered(driver, HUGE, before="See: ")
    assert not composer.send_parts.winfo_ismapped()
    composer.put_beginning.invoke()
    driver.settle()
    assert composer.value == "See: " + HUGE[: TEXT_BYTES_MAX - 5]
    assert not composer.error.winfo_ismapped()
    composer.text.edit_undo()
    assert composer.value == "See: "


@pytest.mark.parametrize("key", ["<Escape>", "<x>"])
def test_an_offer_is_declined_by_going_on(driver: Driver, key: str) -> None:
    composer = offered(driver, HUGE, before="See: ")
    driver.key(composer.text, key)
    assert not composer.is_offering
    assert not composer.error.winfo_ismapped()
    assert composer.value.startswith("See: ")
    assert driver.app.root.focus_get() is composer.text


def test_what_replaces_a_selection_needs_only_the_difference(driver: Driver) -> None:
    signed_in(driver)
    composer = driver.app.chat.composer
    composer.put("x" * TEXT_BYTES_MAX)
    composer.text.tag_add("sel", "1.0", "end - 1 chars")
    composer.text.put_in("y" * TEXT_BYTES_MAX)
    assert composer.value == "y" * TEXT_BYTES_MAX
    composer.text.edit_undo()
    assert composer.value == "x" * TEXT_BYTES_MAX


def test_a_draft_that_is_too_long_is_cut_and_kept_whole_elsewhere(
    display: str, tmp_path: Path
) -> None:
    first = Driver(tmp_path)
    first.profile.set_draft("bob", "ada", HUGE)
    first.profile.set_draft("bob", "grace", "short")
    first.close()
    began = time.process_time()
    second = Driver(tmp_path)
    signed_in(second)
    assert time.process_time() - began < 5.0
    composer = second.app.chat.composer
    assert composer.value == HUGE[:TEXT_BYTES_MAX]
    said = composer.error.cget("text")
    whole = next((tmp_path / "profile").glob("drafts.json.*"))
    assert str(whole) in said
    assert HUGE in whole.read_text("utf-8")
    second.app.chat.open_conversation("grace")
    assert composer.value == "short"
    assert not composer.error.winfo_ismapped()
    second.close()


# --- the longest lines are quick -------------------------------------------------------------

LINES = {
    "letters": "a" * TEXT_BYTES_MAX,
    "cyrillic": "ж" * (TEXT_BYTES_MAX // 2),
    "chinese": "".join(chr(0x4E00 + n % 2_000) for n in range(TEXT_BYTES_MAX // 3)),
    "emoji": "😀" * (TEXT_BYTES_MAX // 4),
    "a link": "https://example.org/" + "a" * (TEXT_BYTES_MAX - 20),
    "brackets": "https://example.org/" + ")" * (TEXT_BYTES_MAX - 20),
    "lines": "\n".join("x" * (TEXT_BYTES_MAX // 2)),
    "words": " x" * (TEXT_BYTES_MAX // 2),
}


@pytest.mark.parametrize("kind", LINES)
def test_a_key_in_the_longest_line_is_quick(driver: Driver, kind: str) -> None:
    """In time of the processor: the machine may have other work."""
    signed_in(driver)
    composer = driver.app.chat.composer
    composer.put(typed.fitting(LINES[kind], TEXT_BYTES_MAX - 100))
    composer.text.focus_force()
    driver.settle()
    began = time.process_time()
    for _ in range(20):
        composer.text.event_generate("<a>")
        driver.settle()
    assert (time.process_time() - began) / 20 < 0.1


@pytest.mark.parametrize("kind", LINES)
def test_a_conversation_of_the_longest_lines_opens_quickly(driver: Driver, kind: str) -> None:
    signed_in(driver)
    messages = tuple(message(n, LINES[kind]) for n in range(1, 201))
    began = time.process_time()
    driver.show(ev.PageLoaded("ada", messages, newest=True, older=False))
    driver.show(ev.MessageArrived(message(500, LINES[kind])))
    driver.app.chat.transcript.page(-1)
    driver.settle()
    assert time.process_time() - began < 5.0
