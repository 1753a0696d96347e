"""Whole windows on a whole cluster: what two people see while servers die and return."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat import __version__
from chat.client import connection, leaders
from chat.client.events import Mark
from chat.rpc import chat_pb2 as pb
from chat.ui import banner
from tests.cluster import PASSWORD, Cluster
from tests.ui.desk import Desk, Room

WORDS = (
    "alpha", "bravo", "charlie", "delta", "echo",
    "foxtrot", "golf", "hotel", "india", "juliett",
)  # fmt: skip


@pytest.fixture
def room(display: str, cluster: Cluster, tmp_path: Path) -> Iterator[Room]:
    made = Room(cluster, tmp_path)
    yield made
    made.close()


@pytest.fixture
def ada(room: Room) -> Desk:
    return room.desk("ada").sign_up()


@pytest.fixture
def bob(room: Room) -> Desk:
    return room.desk("bob").sign_up()


def test_two_people_meet(room: Room, ada: Desk, bob: Desk) -> None:
    ada.open("bob").send("hello")
    ada.until(lambda: ada.marks() == [Mark.SENT], "a message that is sent")
    bob.until(lambda: bob.app.root.title() == "(1) Chat", "an unread message")
    bob.open("ada").sees("hello")
    ada.until(lambda: ada.marks() == [Mark.READ], "a message that is read")
    bob.until(lambda: bob.app.root.title() == "Chat", "no unread message")
    bob.send("hi there")
    ada.sees("hello", "hi there")


def test_a_wrong_password_stands_beside_its_field(room: Room, ada: Desk) -> None:
    ada.app.windows.sign_out()
    ada.until(lambda: not ada.app.username, "the page to sign in at")
    ada.app.sign_in.password.set("wrong password")
    ada.app.sign_in.submit()
    ada.until(lambda: ada.says("User name or password is not right."), "the refusal")
    ada.sign_in()


def test_an_unsent_message_leaves_the_other_window(room: Room, ada: Desk, bob: Desk) -> None:
    bob.app.change_setting("reading", "never")
    ada.open("bob")
    bob.open("ada")
    ada.send("a slip")
    bob.sees("a slip")
    ada.until(lambda: ada.marks() == [Mark.SENT], "a message that is sent")
    ada.app.session.unsend(ada.app.chat.transcript.messages[0].id)
    bob.until(lambda: bob.marks() == [Mark.UNSENT], "a message that is gone")
    bob.app.root.update()
    shown = bob.app.chat.transcript.text.get("1.0", "end")
    assert "a slip" not in shown
    assert "message unsent" in shown
    bob.until(lambda: bob.app.root.title() == "Chat", "no unread message")


def test_servers_die_in_mid_typing(cluster: Cluster, ada: Desk, bob: Desk, room: Room) -> None:
    ada.open("bob")
    bob.open("ada")
    ada.send(*WORDS[:2])
    ada.type("a sentence that is ")
    cluster.kill(1)
    ada.send_nothing_lost("not finished yet")
    ada.send(*WORDS[2:4])
    ada.until(lambda: "server 2" in ada.app.strip.connection, "the second server")
    cluster.wait_for_members(2, 3)
    bob.type("an answer that is ")
    cluster.kill(2)
    bob.send_nothing_lost("not finished either")
    ada.send(*WORDS[4:6])
    ada.until(lambda: "server 3" in ada.app.strip.connection, "the third server")
    bob.send("over")
    expected = (*WORDS[:2], "a sentence that is not finished yet", *WORDS[2:4])
    ada.until(lambda: len(ada.texts()) == len(expected) + 4, "every message")
    bob.until(lambda: bob.texts() == ada.texts(), "the same order in both windows")
    assert [text for text in ada.texts() if text in expected] == list(expected)
    own = [m for m in ada.app.chat.transcript.messages if m.sender == "ada"]
    ada.until(lambda: all(m.sequence for m in ada.app.chat.transcript.messages), "every answer")
    assert [message.text for message in own] == [*expected, *WORDS[4:6]]
    elsewhere = room.desk("ada", profile="another").sign_in().open("bob")
    elsewhere.sees(*ada.texts())


def test_all_servers_stop_and_start(
    cluster: Cluster, ada: Desk, bob: Desk, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WAITING_AFTER_S", 0.3)
    monkeypatch.setattr(banner, "WAITING_AFTER_S", 0.3)
    ada.open("bob").send("before")
    bob.open("ada").sees("before")
    cluster.stop()
    ada.until(lambda: "No server reachable." in ada.app.banner.text, "the banner")
    ada.send(*WORDS)
    ada.until(lambda: ada.marks()[1:] == [Mark.QUEUED] * len(WORDS), "messages that wait")
    cluster.start()
    ada.app.session.try_now()
    ada.until(lambda: ada.app.banner.text.startswith("Connected again."), "the good news")
    ada.until(lambda: ada.app.banner.text.endswith("10 waiting messages sent."), "the count")
    bob.app.session.try_now()
    bob.sees("before", *WORDS)
    ada.sees("before", *WORDS)
    assert (ada.app.username, bob.app.username) == ("ada", "bob")
    ada.until(lambda: not ada.app.banner.text, "no banner any more")


def test_a_client_killed_with_a_full_outbox(
    cluster: Cluster, ada: Desk, bob: Desk, room: Room
) -> None:
    ada.open("bob").send("before")
    bob.open("ada").sees("before")
    ada.until(lambda: ada.marks()[0] is not Mark.QUEUED, "a message that is sent")
    cluster.kill()
    ada.send(*WORDS)
    ada.type("half a sen")
    ada.until(lambda: ada.marks()[1:] == [Mark.QUEUED] * len(WORDS), "messages that wait")
    ada.until(lambda: "half a sen" in _read(ada.folder / "drafts.json"), "a draft on disk")
    shutil.copytree(ada.folder, room.folder / "killed")
    ada.close()
    again = room.desk("ada", profile="killed")
    again.until(lambda: again.app.username == "ada", "the kept sign-in")
    again.open("bob")
    again.until(lambda: again.texts() == list(WORDS), "the messages that wait")
    assert again.app.chat.composer.value == "half a sen"
    cluster.start()
    again.sees("before", *WORDS)
    bob.sees("before", *WORDS)
    again.is_connected()


def test_a_session_ended_elsewhere_keeps_the_draft(
    cluster: Cluster, ada: Desk, bob: Desk, room: Room
) -> None:
    ada.open("bob")
    ada.type("half a sen")
    other = cluster.client("ada", register=False)
    request = pb.ChangePasswordRequest(current_password=PASSWORD, new_password="another horse")
    other.call("ChangePassword", request)
    ada.until(lambda: not ada.app.username, "the page to sign in at")
    ada.until(lambda: ada.says("You were signed out. Sign in again to continue."), "the reason")
    ada.app.sign_in.password.set("another horse")
    ada.app.sign_in.submit()
    ada.is_connected()
    assert (ada.app.chat.address, ada.app.chat.composer.value) == ("bob", "half a sen")


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("0.9.0", "This client (0.9.0) is too old for this server (needs 1.0.0 or newer)."),
        ("2.0.0", f"This client (2.0.0) is too new for this server ({__version__})."),
    ],
)
def test_a_window_of_another_version_says_so(
    ada: Desk, room: Room, monkeypatch: pytest.MonkeyPatch, version: str, sentence: str
) -> None:
    ada.close()
    monkeypatch.setattr(leaders, "__version__", version)
    again = room.desk("ada")
    again.until(lambda: again.app.blocked is not None, "the page that says so")
    again.until(lambda: again.says(sentence), "the sentence")


def test_a_second_window_of_a_profile_says_so(ada: Desk, room: Room) -> None:
    ada.app.profile.update(theme="dark")
    second = room.desk("ada")
    assert second.app.blocked is not None
    second.until(lambda: second.says("Another window is already using this profile."), "the reason")
    assert second.app.profile.settings.theme != "dark"
    second.close()
    ada.close()
    third = room.desk("ada")
    third.until(lambda: third.app.username == "ada", "the kept sign-in")
    assert third.app.profile.settings.theme == "dark"


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
