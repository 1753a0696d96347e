"""Everything can be done without a mouse: each row of the table of keys, from where it is typed."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from typing import Any

import pytest

from chat.client import events as ev
from chat.ui import keys
from chat.ui.cluster import ClusterWindow
from chat.ui.dialogs import Dialog, KeysDialog
from chat.ui.outbox_dialog import OutboxDialog
from chat.ui.picker import UserPicker
from chat.ui.react_dialog import ReactDialog
from chat.ui.room_dialogs import CreateRoomDialog, FindRoomDialog
from chat.ui.settings_dialog import SettingsDialog
from tests.ui.conftest import Driver, Typist, message, signed_in
from tests.ui.keyboard import LAYOUTS

PLACES: dict[str, Callable[[Driver], tk.Misc]] = {
    "composer": lambda d: d.app.chat.composer.text,
    "transcript": lambda d: d.app.chat.transcript.text,
    "list": lambda d: d.app.chat.list.canvas,
    "filter": lambda d: d.app.chat.list.entry,
}


def dialog_is(kind: type[Dialog]) -> Callable[[Driver], bool]:
    return lambda d: (
        isinstance(d.app.windows.dialog, kind) and bool(d.app.windows.dialog.winfo_exists())
    )


def opened(address: str) -> Callable[[Driver], bool]:
    return lambda d: d.app.chat.address == address


def scale(percent: int) -> Callable[[Driver], bool]:
    return lambda d: d.app.theme.scale_percent == percent


# What can be seen after each key; the conversations are ada, grace (unread) and linus.
EFFECTS: dict[str, Callable[[Driver], Any]] = {
    "next": opened("grace"),
    "previous": opened("linus"),
    "next_unread": opened("grace"),
    "previous_unread": opened("grace"),
    "filter": lambda d: d.app.root.focus_get() is d.app.chat.list.entry,
    "new": dialog_is(UserPicker),
    "find_room": dialog_is(FindRoomDialog),
    "create_room": dialog_is(CreateRoomDialog),
    "details": lambda d: not d.app.rooms.details.is_open,  # ada is no room; see test_room_details
    "mute": lambda d: d.session.asked("conversations.mute") == [("ada", True)],
    "reply": lambda d: d.app.chat.about.answers == "m59",
    "react": dialog_is(ReactDialog),
    "edit": lambda d: d.app.chat.about.message is None,  # all of these are ada's
    "search": lambda d: d.app.chat.search.is_open,
    "search_everything": lambda d: d.app.root.focus_get() is d.app.search.entry,
    "read_next": lambda d: d.session.asked("mark_read") == [("ada", 5)],
    "page_up": lambda d: not d.app.chat.transcript.is_at_end,
    "page_down": lambda d: d.app.chat.transcript.text.yview()[1] == 1.0,
    "newest": lambda d: d.app.chat.transcript.is_at_end,
    "message_menu": lambda d: bool(d.app.chat.hands.in_hand),
    "outbox": dialog_is(OutboxDialog),
    "cluster": lambda d: isinstance(d.app.windows.cluster_window, ClusterWindow),
    "settings": dialog_is(SettingsDialog),
    "help": dialog_is(KeysDialog),
    "menu": lambda d: d.popped,
    "next_pane": lambda d: d.app.root.focus_get() is not d.started_in,
    "previous_pane": lambda d: d.app.root.focus_get() is not d.started_in,
    "bigger": scale(110),
    "smaller": scale(90),
    "normal_size": scale(100),
    "quit": lambda d: d.session.asked("close") == [()],
    "cancel": lambda d: d.app.root.focus_get() is d.app.chat.composer.text,
    **{f"conversation_{n}": opened(name) for n, name in enumerate(("ada", "grace", "linus"), 1)},
    **{f"conversation_{n}": opened("ada") for n in range(4, 10)},  # there are only three
}


def test_every_action_has_its_effect_here() -> None:
    assert set(EFFECTS) == {shortcut.action for shortcut in keys.SHORTCUTS}


def press(driver: Driver, place: str, sequence: str) -> None:
    """From a fresh window: ada's conversation is open, at its end."""
    driver.app.windows.close_dialog()
    if driver.app.windows.cluster_window is not None:
        driver.app.windows.cluster_window.destroy()
    driver.app.chat.search.close()
    driver.app.chat.about.leave()
    driver.app.chat.open_conversation("ada")
    driver.show(ev.PageLoaded("ada", tuple(message(n) for n in range(1, 60)), True, False))
    driver.app.change_setting("scale_percent", 100)
    driver.app.chat.transcript.to_end()
    driver.session.calls.clear()
    driver.settle()
    driver.started_in = PLACES[place](driver)
    driver.popped = False
    driver.key(driver.started_in, sequence)


@pytest.mark.parametrize("place", PLACES)
def test_every_key_works_wherever_the_focus_is(
    driver: Driver, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tk.Menu, "tk_popup", lambda *_: setattr(driver, "popped", True))
    driver.app.change_setting("reading", "deliberate")
    signed_in(driver, *(message(n) for n in range(1, 60)), unread=3)
    for shortcut in keys.SHORTCUTS:
        if shortcut.action == "quit":
            continue
        press(driver, place, shortcut.sequences[0])
        assert EFFECTS[shortcut.action](driver), f"{shortcut.action} from the {place}"
        assert driver.app.chat.composer.value == "", shortcut.action


# Where a sign shares its key with a digit, Ctrl and the key mean the digit, as on Windows.
ELSEWHERE = {("fr", "<Control-minus>"): "conversation_6"}


@pytest.mark.parametrize("place", ["composer", "transcript", "filter"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_key_works_on_every_layout(
    typist: Typist, layout: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tk.Menu, "tk_popup", lambda *_: setattr(typist, "popped", True))
    typist.keyboard.use(layout)
    typist.app.change_setting("reading", "deliberate")
    signed_in(typist, *(message(n) for n in range(1, 60)), unread=3)
    for shortcut in keys.SHORTCUTS:
        for sequence in shortcut.sequences:
            if shortcut.action == "quit":
                continue
            press(typist, place, sequence)
            action = ELSEWHERE.get((layout, sequence), shortcut.action)
            assert EFFECTS[action](typist), f"{action} by {sequence}"
            assert typist.app.chat.composer.value == "", sequence


def test_before_the_sign_in_the_focus_goes_to_nothing_unseen(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tk.Menu, "tk_popup", lambda *_: None)
    field = driver.app.sign_in.fields["username"]
    for shortcut in keys.SHORTCUTS:
        if shortcut.action == "quit":
            continue
        driver.key(field, shortcut.sequences[0])
        focused = driver.app.root.focus_get()
        assert focused is not None, shortcut.action
        assert focused.winfo_viewable(), shortcut.action
        driver.app.windows.close_dialog()


def test_a_letter_works_with_caps_lock(driver: Driver) -> None:
    signed_in(driver)
    driver.key(driver.app.chat.composer.text, "<Control-N>")
    assert isinstance(driver.app.windows.dialog, UserPicker)


def test_the_menu_and_the_sheet_come_from_the_table(driver: Driver) -> None:
    signed_in(driver)
    menu = driver.app.windows.fill_menu(driver.app.actions())
    entries = [n for n in range(int(menu.index("end") or 0) + 1) if menu.type(n) == "command"]
    offered = {menu.entrycget(n, "label"): menu.entrycget(n, "accelerator") for n in entries}
    for shortcut in keys.SHORTCUTS:
        if shortcut.menu:
            assert offered[shortcut.title] == keys.label(shortcut.sequences[0])
    assert {"Change password…", "Delete account…", "Sign out bob"} <= set(offered)
    sheet = [row for group in ("Conversations", "Messages", "Window") for row in keys.sheet(group)]
    for shortcut in keys.SHORTCUTS:
        if shortcut.shown:
            assert (shortcut.title, keys.labels(shortcut)) in sheet


def test_the_panes_follow_each_other(driver: Driver) -> None:
    signed_in(driver)
    chat, root = driver.app.chat, driver.app.root
    order = [chat.composer.text, chat.list.canvas, chat.transcript.text, chat.composer.text]
    driver.key(order[0], "<Escape>")
    for stop in order[1:]:
        driver.key(root.focus_get(), "<F6>")
        assert root.focus_get() is stop
    for stop in reversed(order[:-1]):
        driver.key(root.focus_get(), "<Shift-F6>")
        assert root.focus_get() is stop


def test_tab_visits_everything_and_comes_round(driver: Driver) -> None:
    signed_in(driver)
    chat, root = driver.app.chat, driver.app.root
    start = driver.app.chat.composer.text
    seen: list[tk.Misc | None] = [start]
    driver.key(start, "<Tab>")
    while root.focus_get() is not start:
        assert len(seen) < 30
        seen.append(root.focus_get())
        driver.key(root.focus_get(), "<Tab>")
    wanted = {chat.list.entry, chat.list.new_button, chat.list.room_button, chat.list.canvas,
              chat.transcript.text, chat.search_button, chat.menu_button, chat.composer.text,
              chat.composer.button}  # fmt: skip
    assert wanted <= set(seen)
    driver.key(start, "<<PrevWindow>>")
    assert root.focus_get() is seen[-1]


def test_the_list_goes_by_arrows_and_enter_leads_to_writing(driver: Driver) -> None:
    signed_in(driver)
    chat, root = driver.app.chat, driver.app.root
    driver.key(chat.list.canvas, "<Down>")
    driver.key(chat.list.canvas, "<Down>")
    assert chat.address == "linus"
    assert root.focus_get() is chat.list.canvas
    driver.key(chat.list.canvas, "<Return>")
    assert root.focus_get() is chat.composer.text


def test_the_filter_finds_and_opens(driver: Driver) -> None:
    signed_in(driver)
    chat = driver.app.chat
    chat.list.filter.set("LIN")
    driver.settle()
    assert [row.address for row in chat.list.rows] == ["linus"]
    driver.key(chat.list.entry, "<Return>")
    assert chat.address == "linus"
    assert chat.list.filter.get() == ""
    chat.list.filter.set("nobody")
    driver.settle()
    assert chat.list.empty.winfo_ismapped()
    driver.key(chat.list.entry, "<Escape>")
    assert len(chat.list.rows) == 3


def test_enter_presses_a_button(driver: Driver) -> None:
    signed_in(driver)
    driver.key(driver.app.chat.list.new_button, "<Return>")
    assert isinstance(driver.app.windows.dialog, UserPicker)


def test_shift_enter_sends_where_the_person_wants_it(driver: Driver) -> None:
    driver.app.change_setting("enter_sends", False)
    signed_in(driver)
    composer = driver.app.chat.composer
    composer.text.insert("1.0", "one")
    driver.key(composer.text, "<Return>")
    assert not driver.session.asked("send")
    driver.key(composer.text, "<Shift-Return>")
    assert driver.session.asked("send") == [("ada", "one")]


def test_the_window_closes_by_its_key(driver: Driver) -> None:
    signed_in(driver)
    driver.key_and_gone(driver.app.chat.composer.text, "<Control-q>")
    assert EFFECTS["quit"](driver)


@pytest.mark.parametrize("place", ["transcript", "list"])
def test_whoever_begins_to_type_writes(driver: Driver, place: str) -> None:
    signed_in(driver, message(1))
    widget = PLACES[place](driver)
    driver.key(widget, "<Alt-x>")
    driver.key(widget, "<Right>")
    assert driver.app.chat.composer.value == ""
    driver.key(widget, "<h>")
    driver.key(driver.app.root.focus_get(), "<i>")
    assert driver.app.chat.composer.value == "hi"
    assert driver.app.root.focus_get() is driver.app.chat.composer.text
