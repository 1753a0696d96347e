"""Every field of every window, by real keys: each row of the table of edits, on four layouts."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chat.client import events as ev
from chat.ui import keys
from chat.ui.cluster import ClusterWindow
from chat.ui.devices_dialog import DevicesDialog
from chat.ui.dialogs import (
    ConfirmDialog,
    DeleteAccountDialog,
    Dialog,
    KeysDialog,
    NoteDialog,
    PasswordDialog,
)
from chat.ui.fields import Field, WritingField
from chat.ui.outbox_dialog import OutboxDialog
from chat.ui.picker import Picker, UserPicker
from chat.ui.privacy_dialog import PrivacyDialog
from chat.ui.react_dialog import ReactDialog
from chat.ui.room_dialogs import (
    AddMembersDialog,
    CreateRoomDialog,
    EditRoomDialog,
    FindRoomDialog,
    RoomForm,
)
from chat.ui.settings_dialog import SettingsDialog
from tests.ui.conftest import Driver, Typist, message, room_summary, signed_in
from tests.ui.keyboard import LAYOUTS

CLASSES_WITH_TEXT = {"TEntry", "Entry", "TSpinbox", "Spinbox", "TCombobox", "Text"}


def walk(widget: Any) -> Iterator[Any]:
    yield widget
    for child in widget.winfo_children():
        yield from walk(child)


def registering(driver: Driver) -> Any:
    driver.app.sign_in.asks_invite = True
    driver.app.sign_in.switch()
    return driver.app.sign_in


def chatting(driver: Driver) -> Any:
    signed_in(driver, message(1, "hello"))
    driver.app.chat.show_search()
    driver.app.search.open()
    driver.settle()
    return driver.app.chat


def dialog(open_: Callable[[Driver], None]) -> Callable[[Driver], Any]:
    def opened(driver: Driver) -> Any:
        signed_in(driver)
        open_(driver)
        driver.settle()
        return driver.app.windows.dialog or driver.app.windows.cluster_window

    return opened


def react(driver: Driver) -> None:
    driver.show(ev.PageLoaded("#lab", (message(1, address="#lab"),), True, False))
    driver.app.living.pick("m1")


def in_a_room(open_: Callable[[Driver], None]) -> Callable[[Driver], None]:
    def opened(driver: Driver) -> None:
        driver.show(ev.ConversationUpdated(room_summary()))
        driver.app.chat.open_conversation("#lab")
        open_(driver)

    return opened


WINDOWS: dict[type | str, Callable[[Driver], Any]] = {
    "sign_in": registering,
    "chat": chatting,
    UserPicker: dialog(lambda d: d.app.windows.new_conversation()),
    SettingsDialog: dialog(lambda d: d.app.windows.open_settings()),
    PasswordDialog: dialog(lambda d: d.app.windows.open_password()),
    DeleteAccountDialog: dialog(lambda d: d.app.windows.open_delete_account()),
    CreateRoomDialog: dialog(lambda d: d.app.rooms.create()),
    FindRoomDialog: dialog(lambda d: d.app.rooms.find()),
    ReactDialog: dialog(in_a_room(react)),
    EditRoomDialog: dialog(in_a_room(lambda d: d.app.rooms.edit())),
    AddMembersDialog: dialog(in_a_room(lambda d: d.app.rooms.add_people())),
}
FRAMES = {Picker, RoomForm}  # of the dialogs above, never open by themselves
WITHOUT_FIELDS: dict[type | str, Callable[[Driver], Any]] = {
    ConfirmDialog: dialog(lambda d: d.app.windows.unsend("m1")),
    NoteDialog: dialog(lambda d: d.app.windows.tell("A title", "A sentence.")),
    KeysDialog: dialog(lambda d: d.app.windows.open_keys()),
    OutboxDialog: dialog(lambda d: d.app.windows.open_outbox()),
    DevicesDialog: dialog(lambda d: d.app.windows.open_devices()),
    PrivacyDialog: dialog(lambda d: d.app.windows.open_privacy()),
    ClusterWindow: dialog(lambda d: d.app.windows.open_cluster()),
}


def subclasses(kind: type) -> Iterator[type]:
    below: type
    for below in kind.__subclasses__():
        yield below
        yield from subclasses(below)


def test_every_window_is_looked_at() -> None:
    assert set(subclasses(Dialog)) <= {*WINDOWS, *WITHOUT_FIELDS, *FRAMES}


@pytest.mark.parametrize("window", WITHOUT_FIELDS)
def test_these_have_no_field(driver: Driver, window: type | str) -> None:
    assert fields_of(WITHOUT_FIELDS[window](driver)) == []


def fields_of(window: Any) -> list[Any]:
    return [w for w in walk(window) if w.winfo_class() in CLASSES_WITH_TEXT
            and not (w.winfo_class() == "Text" and w.cget("state") == "disabled")]  # fmt: skip


@pytest.mark.parametrize("window", WINDOWS)
def test_every_field_is_of_the_one_kind(driver: Driver, window: type | str) -> None:
    fields = fields_of(WINDOWS[window](driver))
    assert fields
    for field in fields:
        assert isinstance(field, Field), field


# --- what each edit does -------------------------------------------------------------------

TEXT = "one two three"


@dataclass(frozen=True)
class Case:
    """The cursor, or what is selected, before; then what is there after. `secret`: after it in
    a field of a password, where that differs."""

    selected: tuple[int, int]
    text: str = TEXT
    after: tuple[int, int] | None = None
    copied: str = "XY"
    secret: dict[str, Any] | None = None


CASES: dict[str, Case] = {
    "undo": Case((13, 13)),
    "redo": Case((13, 13), TEXT + " four"),
    "cut": Case((4, 7), "one  three", copied="two", secret={"text": TEXT, "copied": "XY"}),
    "copy": Case((4, 7), copied="two", secret={"copied": "XY"}),
    "paste": Case((4, 7), "one XY three", (6, 6)),
    "select_all": Case((5, 5), after=(0, 13)),
    "erase_word_before": Case((7, 7), "one  three", (4, 4), secret={"text": " three",
                                                                    "after": (0, 0)}),
    "erase_word_after": Case((4, 4), "one  three", (4, 4), secret={"text": "one "}),
    "word_left": Case((7, 7), after=(4, 4), secret={"after": (0, 0)}),
    "word_right": Case((4, 4), after=(7, 7), secret={"after": (13, 13)}),
    "select_word_left": Case((7, 7), after=(4, 7), secret={"after": (0, 7)}),
    "select_word_right": Case((4, 4), after=(4, 7), secret={"after": (4, 13)}),
    "select_left": Case((7, 7), after=(6, 7)),
    "select_right": Case((4, 4), after=(4, 5)),
    "line_start": Case((7, 7), after=(0, 0)),
    "line_end": Case((7, 7), after=(13, 13)),
    "select_line_start": Case((7, 7), after=(0, 7)),
    "select_line_end": Case((7, 7), after=(7, 13)),
    "text_start": Case((7, 7), after=(0, 0)),
    "text_end": Case((7, 7), after=(13, 13)),
    "select_text_start": Case((7, 7), after=(0, 7)),
    "select_text_end": Case((7, 7), after=(7, 13)),
}  # fmt: skip


def test_every_edit_has_its_case() -> None:
    assert set(CASES) == {edit.action for edit in keys.EDITS}


def index(field: Any, place: int) -> str:
    return f"1.{place}" if isinstance(field, tk.Text) else str(place)


def number(field: Any, place: str) -> int:
    at = field.index(place)
    return int(at.partition(".")[2]) if isinstance(field, tk.Text) else int(at)


def content(field: Any) -> str:
    return str(field.value if isinstance(field, WritingField) else field.get())


def prepare(field: Any, case: Case, action: str) -> None:
    first, last = case.selected
    if isinstance(field, tk.Text):
        field.delete("1.0", "end")
        field.insert("1.0", TEXT)
        field.edit_reset()
        field.tag_remove("sel", "1.0", "end")
        field.mark_set("insert", index(field, last))
        if first != last:
            field.tag_add("sel", index(field, first), index(field, last))
    else:
        field.fill(TEXT)
        field.selection_clear()
        field.icursor(last)
        if first != last:
            field.selection_range(first, last)
    if action in ("undo", "redo"):
        field.put_in(" four")
    if action == "redo":
        field.do(next(edit for edit in keys.EDITS if edit.action == "undo"))
        assert content(field) == TEXT
    field.clipboard_clear()
    field.clipboard_append("XY")


def selection(field: Any) -> tuple[int, int]:
    if not field.has_selection():
        return number(field, "insert"), number(field, "insert")
    return number(field, "sel.first"), number(field, "sel.last")


def check(driver: Typist, field: Any, edit: keys.Edit, sequence: str) -> None:
    case, where = CASES[edit.action], f"{sequence} in {field}"
    wanted = {"text": case.text, "after": case.after, "copied": case.copied,
              **((case.secret or {}) if field.secret else {})}  # fmt: skip
    prepare(field, case, edit.action)
    driver.key(field, sequence)
    assert content(field) == wanted["text"], where
    assert field.clipboard_get() == wanted["copied"], where
    if wanted["after"] is not None:
        assert selection(field) == wanted["after"], where


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_edit_works_in_every_field(typist: Typist, layout: str, window: type | str) -> None:
    typist.keyboard.use(layout)
    for field in fields_of(WINDOWS[window](typist)):
        for edit in keys.EDITS:
            for sequence in edit.on():
                check(typist, field, edit, sequence)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_read_can_be_copied(typist: Typist, layout: str) -> None:
    typist.keyboard.use(layout)
    text = chatting(typist).transcript.text
    for copy in keys.COPY.on():
        text.tag_remove("sel", "1.0", "end")
        text.clipboard_clear()
        typist.key(text, "<Control-a>")
        typist.key(text, copy)
        assert text.clipboard_get() == "hello", copy
    typist.key(text, "<Control-x>")
    typist.key(text, "<Control-v>")
    assert "hello" in text.get("1.0", "end")


# --- the menu --------------------------------------------------------------------------------


def offered(menu: tk.Menu) -> dict[str, str]:
    rows = [n for n in range(int(menu.index("end") or 0) + 1) if menu.type(n) == "command"]
    return {menu.entrycget(n, "label"): str(menu.entrycget(n, "state")) for n in rows}


@pytest.mark.parametrize("window", WINDOWS)
def test_every_field_has_a_menu(
    typist: Typist, window: type | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tk.Menu] = []
    monkeypatch.setattr(tk.Menu, "tk_popup", lambda menu, *_: shown.append(menu))
    for field in fields_of(WINDOWS[window](typist)):
        prepare(field, CASES["copy"], "copy")
        field.event_generate("<ButtonPress-3>", x=5, y=5)
        typist.settle()
        menu = shown.pop()
        rows = offered(menu)
        assert list(rows) == ["Undo", "Redo", "Cut", "Copy", "Paste", "Select all"]
        takes_out = "disabled" if field.secret else "normal"
        assert (rows["Cut"], rows["Copy"], rows["Paste"]) == (takes_out, takes_out, "normal")
        menu.invoke("Paste")
        assert content(field) == "one XY three"
        menu.invoke("Undo")
        assert content(field) == TEXT
        assert offered(field.menu())["Copy"] == "disabled" or field.has_selection()


@pytest.mark.parametrize("key", ["<Menu>", "<Shift-F10>"])
def test_the_menu_opens_without_a_mouse(
    typist: Typist, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tk.Menu] = []
    monkeypatch.setattr(tk.Menu, "tk_popup", lambda menu, *_: shown.append(menu))
    field: Any = typist.app.sign_in.fields["username"]
    typist.key(field, key)
    assert shown == [field.menu()]
    picker = WINDOWS[UserPicker](typist)
    typist.key(picker.entry, key)
    assert shown[1:] == [picker.entry.menu()]
