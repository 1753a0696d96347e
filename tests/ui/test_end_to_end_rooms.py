"""A room from its first to its last message: two windows, a cluster, and a leader that dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.client.events import Mark
from chat.ui import words
from chat.ui.dialogs import ConfirmDialog
from chat.ui.room_dialogs import AddMembersDialog, CreateRoomDialog, FindRoomDialog
from tests.cluster import Cluster
from tests.ui.desk import Desk, Room


@pytest.fixture
def desks(display: str, cluster: Cluster, tmp_path: Path) -> Iterator[Room]:
    made = Room(cluster, tmp_path)
    yield made
    made.close()


@pytest.fixture
def ada(desks: Room) -> Desk:
    return desks.desk("ada").sign_up()


@pytest.fixture
def grace(desks: Room) -> Desk:
    return desks.desk("grace").sign_up()


def creates(desk: Desk, name: str, topic: str) -> None:
    desk.press(desk.app.chat.list.canvas, "<Control-Shift-J>")
    dialog = desk.app.windows.dialog
    assert isinstance(dialog, CreateRoomDialog)
    dialog.fields["name"].insert(0, name)
    dialog.fields["topic"].insert(0, topic)
    desk.press(dialog.fields["topic"], "<Return>")
    desk.until(lambda: desk.app.chat.room is not None, "the room")


def adds(desk: Desk, name: str) -> None:
    desk.app.rooms.details.add_button.invoke()
    dialog = desk.app.windows.dialog
    assert isinstance(dialog, AddMembersDialog)
    desk.until(lambda: dialog.names == (name,), "who may be added")
    desk.press(dialog.entry, "<Return>")
    desk.until(lambda: not desk.app.windows.is_open, "the answer")
    desk.until(lambda: name in members(desk), "the new member")


def removes(desk: Desk, name: str) -> None:
    desk.app.rooms.details.list.selection_set(name)
    desk.press(desk.app.rooms.details.list, "<Delete>")
    dialog = desk.app.windows.dialog
    assert isinstance(dialog, ConfirmDialog)
    dialog.confirm()
    desk.until(lambda: name not in members(desk), "the member to be gone")


def members(desk: Desk) -> list[str]:
    return [member.username for member in desk.app.rooms.details.members]


def test_a_room_outlives_its_leader(cluster: Cluster, desks: Room, ada: Desk, grace: Desk) -> None:
    creates(ada, "lab", "What we are at")
    ada.press(ada.app.chat.composer.text, "<Control-i>")
    ada.until(lambda: members(ada) == ["ada"], "the only member")
    adds(ada, "grace")
    ada.send("Welcome, grace")
    grace.until(lambda: grace.app.root.title() == "(1) Chat", "an unread message")
    grace.open("#lab").sees("Welcome, grace")
    assert grace.app.chat.presence.cget("text") == "2 members · What we are at"
    grace.send("Thank you, ada")
    ada.sees("Welcome, grace", "Thank you, ada")
    assert "grace  " in ada.screen()
    ada.type("this was typed ")
    cluster.kill(1)
    grace.send("I go on")
    ada.send_nothing_lost("while server 1 died")
    cluster.wait_for_members(2, 3)
    ada.until(lambda: Mark.QUEUED not in ada.marks(), "all to be sent")
    grace.until(lambda: Mark.QUEUED not in grace.marks(), "all to be sent")
    said = ["Welcome, grace", "Thank you, ada", "I go on", "this was typed while server 1 died"]
    for desk in (ada, grace):
        desk.until(lambda d=desk: len(d.texts()) == 4, "four messages")  # type: ignore[misc]
        assert sorted(desk.texts()) == sorted(said)
    removes(ada, "grace")
    grace.until(lambda: not grace.app.chat.composer.enabled, "to be told")
    assert grace.app.chat.list.get("#lab") is None
    assert grace.app.chat.composer._hint == words.not_in_room("#lab")
    ada.send("After that")
    ada.until(lambda: len(ada.texts()) == 5 and Mark.QUEUED not in ada.marks(), "the last one")
    assert len(grace.texts()) == 4


def test_an_open_room_is_found_with_all_that_was_said(ada: Desk, grace: Desk) -> None:
    creates(ada, "#lab", "")
    ada.send("one", "two")
    ada.until(lambda: ada.marks() == [Mark.SENT] * 2, "two messages")
    grace.press(grace.app.chat.list.canvas, "<Control-j>")
    dialog = grace.app.windows.dialog
    assert isinstance(dialog, FindRoomDialog)
    grace.until(lambda: dialog.names == ("#lab",), "the room")
    grace.press(dialog.entry, "<Return>")
    grace.until(lambda: grace.app.chat.address == "#lab", "to be in it")
    grace.sees("one", "two")
    grace.send("three")
    ada.sees("one", "two", "three")
    grace.app.rooms.toggle_details()
    grace.app.rooms.leave()
    question = grace.app.windows.dialog
    assert isinstance(question, ConfirmDialog)
    question.confirm()
    grace.until(lambda: grace.app.chat.list.get("#lab") is None, "to be out of it")
    assert not grace.app.chat.address


def test_a_taken_name_is_refused_at_its_field(ada: Desk, grace: Desk) -> None:
    creates(ada, "lab", "")
    grace.app.rooms.create("lab")
    dialog = grace.app.windows.dialog
    assert isinstance(dialog, CreateRoomDialog)
    dialog.submit()
    grace.until(lambda: "taken" in str(dialog.error.cget("text")), "the refusal")
    assert dialog.fields["name"].instate(["invalid"])
