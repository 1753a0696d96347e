"""The session on a real cluster whose servers die and return: in order, once, and told."""

from __future__ import annotations

import asyncio
import shutil
import threading
from functools import partial
from pathlib import Path

import pytest

from chat.client import connection, events, leaders
from chat.client.events import Link, Mark
from chat.core import limits
from chat.server.passwords import Passwords
from tests.client.person import Maker, Person, cut_off, link
from tests.cluster import PASSWORD, Cluster

# --- signing in -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "name", "password", "field", "sentence"),
    [
        ("sign_in", "ada", "wrong password", "password", "User name or password is not right."),
        ("sign_in", "nobody", PASSWORD, "password", "User name or password is not right."),
        ("register", "ada", PASSWORD, "username", "That name is taken."),
        ("register", "two words", PASSWORD, "username",
         "A user name is letters, digits and signs, no spaces."),
        ("register", "\u0430da", "long enough", "username",
         "That name looks like “ada”, which is taken."),
        ("register", "eve", "short", "password", "A password has 8 to 128 characters."),
        ("register", "eve-and-bob", "eve-and-bob", "password",
         "The password must not be the user name."),
    ],
)  # fmt: skip
def test_a_refusal_is_a_sentence_at_its_field(
    cluster: Cluster, person: Maker, action: str, name: str, password: str, field: str,
    sentence: str,
) -> None:  # fmt: skip
    cluster.client("ada")
    guest = person("guest")
    getattr(guest.session, action)(name, password)
    failed = guest.window.expect(events.Failed)
    assert (failed.action, failed.field, failed.message) == (action, field, sentence)


def test_a_kept_sign_in_survives_the_client_and_all_servers(
    cluster: Cluster, person: Maker, bob: Person, tmp_path: Path
) -> None:
    ada = person("ada").register()
    ada.sends("bob", "one")
    ada.close()
    cluster.stop()
    cluster.start()
    again = person("ada")
    again.session.resume()
    again.connected()
    again.reads("bob")
    again.hears("bob", "one")
    again.sends("bob", "two")
    bob.hears("ada", "one", "two")


def is_filtered_by(pattern: str, listed: events.UsersListed) -> bool:
    return listed.filter == pattern


def test_names_are_listed_though_the_servers_give_them_one_by_one(
    cluster: Cluster, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a large server a call looks at some of the names, and its page may be empty."""
    monkeypatch.setattr(limits, "NAMES_COST_MAX", 2)
    cluster.client("carla")
    for pattern, names in (("*a*", ["ada", "carla"]), ("*l*", ["carla"]), ("*x*", [])):
        ada.session.list_users(pattern)
        listed = ada.window.expect(events.UsersListed, partial(is_filtered_by, pattern))
        assert [user.username for user in listed.users] == names
        assert not listed.more


# --- a conversation -----------------------------------------------------------------


def test_marks_and_badges_follow_the_other_side(ada: Person, bob: Person) -> None:
    ids = ada.sends("bob", "one", "two", "three")
    bob.hears("ada", "one", "two", "three")
    assert all(event.live for event in bob.window.of(events.MessageArrived))
    bob.window.wait_for(lambda: bob.window.unread("ada") == 3, "a badge of 3")
    bob.session.mark_read("ada", 2)
    ada.window.wait_for(
        lambda: ada.window.marks("bob") == [Mark.READ, Mark.READ, Mark.SENT], "two read"
    )
    bob.window.wait_for(lambda: bob.window.unread("ada") == 1, "a badge of 1")
    ada.session.unsend(ids[2])
    bob.window.wait_for(lambda: bob.window.marks("ada")[-1] is Mark.UNSENT, "the unsent message")
    assert bob.window.texts("ada")[-1] == ""
    bob.window.wait_for(lambda: bob.window.unread("ada") == 0, "no badge")
    ada.session.unsend(ids[0])
    failed = ada.window.expect(events.Failed)
    assert failed.message == "It has already been read, so it cannot be unsent."


def test_people_who_meet_see_that_they_are_there(ada: Person, bob: Person) -> None:
    ada.sends("bob", "hello")
    for person, other in ((ada, "bob"), (bob, "ada")):
        there = events.Presence(other, True)
        person.window.expect(events.Presence, there.__eq__)
    bob.session.sign_out()
    ada.window.expect_last(events.Presence, lambda e: not e.online)


def test_a_read_of_a_part_leaves_the_preview_unread(ada: Person, bob: Person) -> None:
    ada.sends("bob", "one", "two")
    bob.session.mark_read("ada", 1)
    ada.window.expect(events.ReadReceipt)
    ada.session.mark_read("bob")
    updates = [e.conversation for e in ada.window.of(events.ConversationUpdated)]
    assert updates[-1].preview_mark is Mark.SENT
    bob.session.mark_read("ada", 1)
    ada.window.expect(
        events.ConversationUpdated, lambda e: e.conversation.preview_mark is Mark.READ
    )


def test_what_comes_while_the_first_list_is_read_is_told_as_new(
    cluster: Cluster, bob: Person, person: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = cluster.client("ada")
    load, sent = connection.Connection._load_list, list[object]()

    def load_after_a_message(self: connection.Connection, stub: object, token: str) -> None:
        if not sent:
            sent.append(writer.send("bob", "just now"))
        load(self, stub, token)

    bob.session.sign_out()
    bob.window.expect(events.SignedOut)
    monkeypatch.setattr(connection.Connection, "_load_list", load_after_a_message)
    bob.window.clear()
    bob.sign_in()
    arrived = bob.window.expect(events.MessageArrived)
    assert arrived.live
    writer.send("bob", "then")
    bob.hears("ada", "just now", "then")
    bob.window.wait_for(lambda: bob.window.unread("ada") == 2, "a badge of 2")


def test_a_page_never_hides_what_came_while_it_was_on_its_way(
    cluster: Cluster, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.sends("bob", "one")
    receive = bob.session._pages._receive

    def receive_then_wait(address: str, page_token: str, page_size: int) -> object:
        page = receive(address, page_token, page_size)
        ada.sends("bob", "two")
        bob.window.expect(events.MessageArrived, lambda e: e.message.text == "two")
        return page

    monkeypatch.setattr(bob.session._pages, "_receive", receive_then_wait)
    bob.reads("ada")
    page = bob.window.expect(events.PageLoaded)
    assert [row.text for row in page.messages] == ["one", "two"]


def test_two_devices_are_in_step(cluster: Cluster, ada: Person, bob: Person, person: Maker) -> None:
    ada.sends("bob", "from the first")
    second = person("ada", device="-2").sign_in()
    second.reads("bob")
    ids = second.sends("bob", "from the second", "a slip")
    ada.hears("bob", "from the first", "from the second", "a slip")
    second.session.unsend(ids[1])
    ada.window.wait_for(lambda: ada.window.marks("bob")[-1] is Mark.UNSENT, "the unsent message")
    bob.sends("ada", "hello")
    for device in (ada, second):
        device.window.wait_for(lambda d=device: d.window.unread("bob") == 1, "a badge of 1")  # type: ignore[misc]
    second.session.mark_read("bob")
    for device in (ada, second):
        device.window.wait_for(lambda d=device: d.window.unread("bob") == 0, "no badge")  # type: ignore[misc]
    bob.session.mark_read("ada")
    expected = [Mark.READ, Mark.READ, Mark.UNSENT, Mark.RECEIVED]
    for device in (ada, second):
        device.window.wait_for(
            lambda d=device: d.window.marks("bob") == expected, "the same marks"  # type: ignore[misc]
        )  # fmt: skip


# --- servers die -----------------------------------------------------------------------


def test_two_kills_in_a_conversation_lose_and_double_nothing(
    cluster: Cluster, ada: Person, bob: Person, person: Maker
) -> None:
    ids, texts = [], [f"text {number}" for number in range(60)]
    for number, text in enumerate(texts):
        ids.append(ada.session.send("bob", text))
        if number == 20:
            ada.sent(ids[10])
            cluster.kill(1)
        if number == 40:
            ada.sent(ids[30])
            cluster.wait_for_members(2, 3)
            cluster.kill(2)
    ada.sent(*ids)
    bob.hears("ada", *texts)
    ada.hears("bob", *texts)
    assert all(mark is Mark.SENT for mark in ada.window.marks("bob"))
    elsewhere = person("ada", device="-2").sign_in()
    assert [m.text for m in cluster.client("bob", register=False).history("ada")] == texts
    elsewhere.reads("bob")
    elsewhere.hears("bob", *texts[10:])  # a page is 50 messages
    assert ada.session.outbox_messages() == ()


def test_all_servers_down_and_up_again(
    cluster: Cluster, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WAITING_AFTER_S", 0.5)
    ada.sends("bob", "zero")
    cluster.kill()
    lost = link(ada, Link.RECONNECTING)
    assert lost.server_id == 1
    ids = ada.writes("bob", "one", "two")
    ada.reads("bob")
    assert ada.window.marks("bob") == [Mark.SENT, Mark.QUEUED, Mark.QUEUED]
    waiting = link(ada, Link.WAITING)
    assert waiting.retry_at > waiting.since
    cluster.start()
    ada.session.try_now()
    ada.sent(*ids)
    assert ada.window.expect(events.OutboxFlushed).sent == 2
    bob.session.try_now()
    bob.hears("ada", "zero", "one", "two")
    bob.connected()


def test_what_was_missed_is_counted_and_told_once(
    cluster: Cluster, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.sends("bob", "zero")
    bob.hears("ada", "zero")
    texts = [f"text {number}" for number in range(37)]
    with cut_off(bob, monkeypatch):
        ada.sends("bob", *texts)
    assert link(bob, Link.CATCHING_UP).missed == 37
    bob.hears("ada", "zero", *texts)
    live = [event.message.text for event in bob.window.of(events.MessageArrived) if event.live]
    assert live == ["zero"]
    bob.connected()
    bob.window.wait_for(lambda: bob.window.unread("ada") == 38, "a badge of 38")


def test_only_messages_are_counted_as_missed(
    cluster: Cluster, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read or taken back meanwhile is caught up on as well, and is no message."""
    ids = ada.sends("bob", "one", "two")
    bob.hears("ada", "one", "two")
    bob.sends("ada", "three")
    eve = cluster.client("eve")
    with cut_off(bob, monkeypatch):
        ada.session.mark_read("bob")
        ada.session.unsend(ids[1])
        ada.window.wait_for(lambda: ada.window.marks("bob")[1] is Mark.UNSENT, "the unsent one")
        ada.sends("bob", "four", "five")
        eve.send("bob", "hello")
    assert link(bob, Link.CATCHING_UP).missed == 3
    bob.hears("ada", "one", "", "three", "four", "five")


def test_a_cursor_that_is_too_old_begins_anew(
    cluster: Cluster, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.sends("bob", "zero")
    bob.reads("ada")
    bob.hears("ada", "zero")
    with cut_off(bob, monkeypatch):
        bob.session._timeline.start_over(1_000_000)  # as of servers that lost what came last
        bob.window.clear()
    ada.sends("bob", "one")
    bob.hears("ada", "zero", "one")
    bob.window.wait_for(lambda: bob.window.unread("ada") == 2, "a badge of 2")


def test_too_few_servers_are_told_apart_from_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WAITING_AFTER_S", 0.5)
    with Cluster(tmp_path / "servers", quorum="majority") as cluster:
        cluster.start()
        cluster.wait_for_members()
        bob = cluster.client("bob")
        ada = Person(cluster, tmp_path / "ada", "ada").register()
        cluster.kill(1, 2)
        told = link(ada, Link.NO_QUORUM)
        assert (told.up, told.configured) == (1, 3)
        ids = ada.writes("bob", "kept")
        cluster.start(2)
        ada.sent(*ids)
        assert bob.texts("ada") == ["kept"]
        ada.close()


def test_a_client_killed_with_a_full_outbox_sends_it_once_in_order(
    cluster: Cluster, ada: Person, bob: Person, person: Maker, tmp_path: Path
) -> None:
    cluster.client("eve")
    ada.sends("bob", "before")
    cluster.kill()
    texts = [f"text {number}" for number in range(20)]
    for text in texts:
        ada.writes("bob", text)
        ada.writes("eve", text)
    again = ada.dies(tmp_path / "again")
    again.session.resume()
    shown = again.window.expect(events.ConversationsLoaded)
    assert {item.address for item in shown.conversations} == {"bob", "eve"}
    waiting = again.session.outbox_messages()
    assert [row.text for row in waiting if row.address == "bob"] == texts
    cluster.start()
    flushed = again.window.expect(events.OutboxFlushed)
    assert flushed.sent == 40
    bob.hears("ada", "before", *texts)
    reader = cluster.client("eve", register=False)
    assert reader.texts("ada") == texts
    again.close()


def test_a_client_killed_before_it_noted_an_acknowledgement_doubles_nothing(
    cluster: Cluster, ada: Person, bob: Person, tmp_path: Path
) -> None:
    ada.sends("bob", "zero")
    cluster.kill()
    ids = ada.writes("bob", "one", "two")
    shutil.copytree(ada.folder, tmp_path / "before")
    cluster.start()
    ada.sent(*ids)
    ada.close()
    again = Person(cluster, tmp_path / "before", "ada")
    again.sign_in()
    again.window.expect(events.OutboxFlushed)
    again.reads("bob")
    again.hears("bob", "zero", "one", "two")
    again.close()
    bob.hears("ada", "zero", "one", "two")


# --- versions -----------------------------------------------------------------------------


def test_an_outdated_client_stops_and_sends_nothing(
    cluster: Cluster, ada: Person, bob: Person, person: Maker, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    cluster.kill()
    ada.writes("bob", "kept")
    monkeypatch.setattr(leaders, "__version__", "0.9.0")
    old = ada.dies(tmp_path / "old")
    old.session.resume()
    old.window.expect(events.SignedIn)
    cluster.start()
    mismatch = old.window.expect(events.VersionMismatch)
    assert (mismatch.client_version, mismatch.minimum_client_version) == ("0.9.0", "1.0.0")
    old.session.try_now()
    old.session.sign_in("ada", PASSWORD)
    old.window.expect(events.Failed, lambda e: e.action == "sign_in")
    assert len(old.window.of(events.VersionMismatch)) == 1
    assert len(old.session.outbox_messages()) == 1
    assert not [e for e in old.window.of(events.LinkChanged) if e.link is Link.CONNECTED]
    assert cluster.client("bob", register=False).texts("ada") == []
    old.close()


# --- the end ---------------------------------------------------------------------------------


def test_closing_ends_a_call_that_nobody_answers(
    person: Maker, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waited for it here would wait for half an hour."""
    asked = threading.Event()

    async def never_answer(*_: object) -> bool:
        asked.set()
        await asyncio.Event().wait()
        return False

    monkeypatch.setattr(Passwords, "check", never_answer)
    guest = person("guest")
    guest.session.sign_in("ada", PASSWORD)
    assert asked.wait(30)
    guest.session.close()
