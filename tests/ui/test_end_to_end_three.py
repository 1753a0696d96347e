"""Three windows in one room: invited, answered, reacted to, edited, found, removed, and a leader
dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.client.events import ChatMessage, Mark
from chat.ui.react_dialog import ReactDialog
from chat.ui.room_dialogs import AddMembersDialog
from tests.cluster import Cluster
from tests.ui.desk import Desk, Room
from tests.ui.test_end_to_end_rooms import creates, members, removes


@pytest.fixture
def desks(display: str, cluster: Cluster, tmp_path: Path) -> Iterator[Room]:
    made = Room(cluster, tmp_path)
    yield made
    made.close()


def found(desk: Desk, text: str) -> ChatMessage:
    def there() -> list[ChatMessage]:
        return [m for m in desk.app.chat.transcript.messages if m.text == text]

    return desk.until(there, f"“{text}”")[0]


def invites(desk: Desk, name: str) -> None:
    desk.app.rooms.details.add_button.invoke()
    dialog = desk.app.windows.dialog
    assert isinstance(dialog, AddMembersDialog)
    desk.until(lambda: name in dialog.names, "who may be added")
    dialog.list.selection_set(str(dialog.names.index(name)))
    desk.press(dialog.entry, "<Return>")
    desk.until(lambda: name in members(desk), "the new member")


def sent(desk: Desk) -> None:
    desk.until(
        lambda: not {Mark.QUEUED, Mark.FAILED} & {*desk.marks()}
        and not any(m.waiting for m in desk.app.chat.transcript.messages),
        "all to be sent",
    )  # fmt: skip


def takes(desk: Desk, text: str) -> Any:
    """The message in hand, and the keyboard there."""
    desk.app.chat.hands.take(found(desk, text).id)
    return desk.app.chat.transcript.text


def answers(desk: Desk, text: str, answer: str) -> None:
    desk.press(takes(desk, text), "<Control-Shift-R>")
    assert desk.app.chat.about.answers
    desk.send(answer)


def reacts(desk: Desk, text: str, sign: str) -> None:
    desk.press(takes(desk, text), "<Control-e>")
    dialog = desk.app.windows.dialog
    assert isinstance(dialog, ReactDialog)
    next(button for button in dialog.buttons if button.cget("text") == sign).invoke()
    desk.app.root.update()


def edits_last(desk: Desk, text: str) -> None:
    desk.press(desk.app.chat.composer.text, "<Up>")
    assert desk.app.chat.about.changes_text
    desk.app.chat.composer.text.delete("1.0", "end")
    desk.send(text)


def finds(desk: Desk, typed: str, *results: str) -> None:
    """By the pane that searches everything: these lines of what people said, the newest first."""
    desk.press(desk.app.chat.composer.text, "<Control-Shift-F>")
    search = desk.app.search
    search.entry.delete(0, "end")
    search.entry.insert("end", typed)
    desk.press(search.entry, "<Return>")
    wanted = f"{len(results)} message" if results else "Nothing found"
    desk.until(lambda: str(search.status.cget("text")).startswith(wanted), f"{wanted}: {typed}")
    shown = search.results.get("1.0", "end").rstrip("\n").split("\n")[1::2]  # without who and where
    assert shown == [*results]
    desk.press(search.entry, "<Escape>")


def shown(desk: Desk) -> list[tuple[Any, ...]]:
    """What everybody sees alike, in order: what was said and by whom, what it answers, whether it
    was edited, reactions; and that something happened between them."""
    return [
        ("note",) if m.mark is Mark.NOTE else (
            m.sender, m.text, m.quote.text if m.quote else "", bool(m.edited_at),
            tuple((r.emoji, r.count, r.usernames) for r in m.reactions),
        )
        for m in desk.app.chat.transcript.rows
    ]  # fmt: skip


def test_three_windows_show_the_same_in_the_end(cluster: Cluster, desks: Room) -> None:
    ada, grace, alan = (desks.desk(name).sign_up() for name in ("ada", "grace", "alan"))
    creates(ada, "lab", "What we are at")
    ada.press(ada.app.chat.composer.text, "<Control-i>")
    ada.until(lambda: members(ada) == ["ada"], "the only member")
    invites(ada, "grace")
    invites(ada, "alan")
    for desk in (grace, alan):
        desk.until(lambda d=desk: d.app.chat.list.get("#lab"), "the room")  # type: ignore[misc]
        desk.open("#lab")
    ada.send("Who looks at the **proof**?")
    answers(grace, "Who looks at the **proof**?", "I do, @alan too?")
    assert found(alan, "I do, @alan too?").mentions_me
    reacts(alan, "I do, @alan too?", "👍")
    alan.send("Yess")
    for desk in (ada, grace, alan):
        found(desk, "Yess")
        sent(desk)
    # The leader dies while all three are at it; what they do waits, in order.
    cluster.kill(1)
    edits_last(alan, "Yes")
    reacts(grace, "Who looks at the **proof**?", "🎉")
    reacts(ada, "I do, @alan too?", "👍")
    answers(ada, "I do, @alan too?", "`quorum()` is on page 3")
    cluster.wait_for_members(2, 3)
    for desk in (ada, grace, alan):
        found(desk, "Yes")
        found(desk, "`quorum()` is on page 3")
        sent(desk)
    both = ("ada", "alan")
    desks.wait_until(lambda: all(
        {(r.emoji, r.count) for r in found(desk, "I do, @alan too?").reactions} == {("👍", 2)}
        and {*found(desk, "I do, @alan too?").reactions[0].usernames} == {*both}
        and found(desk, "Who looks at the **proof**?").reactions
        for desk in (ada, grace, alan)
    ), "the reactions")  # fmt: skip
    desks.wait_until(lambda: shown(ada) == shown(grace) == shown(alan), "the same in three")
    for desk in (ada, grace, alan):
        finds(desk, "page from:ada in:#lab", "`quorum()` is on page 3")
        finds(desk, "YES from:alan", "Yes")
        finds(desk, "yess")  # as it was before it was edited
    before = shown(alan)
    ada.press(ada.app.chat.composer.text, "<Control-i>")  # the search has closed what was open
    ada.until(lambda: "alan" in members(ada), "the members")
    removes(ada, "alan")
    alan.until(lambda: not alan.app.chat.composer.enabled, "to be told")
    grace.send("He was here")
    found(ada, "He was here")
    sent(grace)
    finds(ada, "here", "He was here")
    finds(alan, "here")
    desks.wait_until(lambda: shown(ada) == shown(grace), "the same in two")
    assert shown(grace)[: len(before)] == before == shown(alan)
    assert shown(grace)[len(before) :] == [("note",), ("grace", "He was here", "", False, ())]
    assert "ada removed alan." in grace.screen()
    assert "You removed alan." in ada.screen()
    assert "Yes   edited" in grace.screen()
    # A window that begins anew shows the same as one that was there.
    grace.close()
    again = desks.desk("grace").is_connected().open("#lab")
    again.until(lambda: len(again.texts()) == len(ada.texts()), "what was said")
    desks.wait_until(lambda: shown(again) == shown(ada), "the same after a restart")
