"""Rooms in a session on a real cluster: the list, the transcript, the outbox, over a failover."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from chat.client import events
from chat.client.events import ConversationSummary, Mark, RoomInfo
from tests.client.person import Maker, Person, cut_off
from tests.cluster import Cluster


def room(found: ConversationSummary) -> RoomInfo:
    assert found.room is not None
    return found.room


def done(person: Person, action: str) -> None:
    person.window.expect(events.Done, lambda e: e.action == action)


def summary(person: Person, address: str) -> ConversationSummary | None:
    """As the list has it by now; None where it is not there."""
    found: ConversationSummary | None = None
    for event in list(person.window.events):
        if isinstance(event, events.ConversationsLoaded):
            found = next((c for c in event.conversations if c.address == address), None)
        elif isinstance(event, events.ConversationUpdated):
            found = event.conversation if event.conversation.address == address else found
        elif isinstance(event, events.RoomLeft) and event.address == address:
            found = None
    return found


def comes_to(
    person: Person, address: str, fits: Callable[[ConversationSummary], Any], in_it: bool = True
) -> None:
    def true() -> bool:
        found = summary(person, address)
        return found is not None and (found.room is not None) is in_it and bool(fits(found))

    person.window.wait_for(true, f"{address} to be as it should")


def test_people_talk_in_a_room(ada: Person, bob: Person, lab: str) -> None:
    assert summary(bob, lab) is not None
    bob.reads(lab)
    ada.sends(lab, "one", "two")
    bob.sends(lab, "three")
    for each in (ada, bob):
        each.hears(lab, "one", "two", "three")
        comes_to(each, lab, lambda s: (s.preview, s.preview_sender) == ("three", "bob"))
    assert [row.sender for row in ada.window.transcript(lab)] == ["ada", "ada", "bob"]
    assert all(event.live for event in bob.window.of(events.MessageArrived))
    comes_to(bob, lab, lambda s: s.unread == 2)
    bob.session.mark_read(lab, 1)
    comes_to(bob, lab, lambda s: s.unread == 1)
    first = ada.window.transcript(lab)[0].id
    ada.session.rooms.list_readers(first)
    assert ada.window.expect(events.ReadersListed) == events.ReadersListed(first, ("bob",))
    ada.session.open_conversation(lab)
    ada.window.wait_for(lambda: ada.window.transcript(lab)[0].read_by == 1, "read by 1")
    (id_,) = ada.sends(lab, "wait")
    ada.session.unsend(id_)
    bob.window.wait_for(lambda: bob.window.marks(lab)[-1] is Mark.UNSENT, "the unsent message")
    comes_to(bob, lab, lambda s: s.unread == 1)
    ada.session.search(lab, "two")
    found = ada.window.expect(events.SearchResults)
    assert [row.text for row in found.messages] == ["two"]


def test_a_room_is_found_and_its_members_are_listed(ada: Person, bob: Person, lab: str) -> None:
    known = RoomInfo(lab, "What we are at", False, "ada", 2, True)
    bob.session.rooms.find("la*")
    assert bob.window.expect(events.RoomsListed).rooms == (known,)
    ada.session.rooms.list_members(lab)
    members = ada.window.expect(events.MembersListed).members
    assert [(m.username, m.online, m.is_owner) for m in members] == [
        ("ada", True, True),
        ("bob", True, False),
    ]
    ada.session.rooms.update(lab, topic="Another", private=True, owner="bob")
    updated = bob.window.expect(events.RoomChanged)
    assert updated.room == replace(known, topic="Another", private=True, owner="bob")
    comes_to(ada, lab, lambda s: room(s).owner == "bob")


def test_members_come_and_go(
    ada: Person, bob: Person, lab: str, person: Maker, cluster: Cluster
) -> None:
    cy = person("cy").register()
    bob.session.rooms.add(lab, ["cy"])
    comes_to(cy, lab, lambda s: room(s).member_count == 3)
    added = events.MembersCame(lab, "bob", ("cy",))
    ada.window.expect(events.MembersCame, added.__eq__)
    ada.session.rooms.remove(lab, "cy")
    removed = events.MemberWent(lab, "ada", "cy")
    bob.window.expect(events.MemberWent, removed.__eq__)
    cy.window.expect(events.RoomLeft)
    assert summary(cy, lab) is None
    cy.session.send(lab, "too late")
    failed = cy.window.expect(events.MessageChanged, lambda e: e.message.mark is Mark.FAILED)
    assert failed.message.reason == "You are not in #lab."
    comes_to(cy, lab, lambda s: s.preview_mark is Mark.FAILED, in_it=False)
    cy.session.rooms.add(lab, ["cy"])
    comes_to(cy, lab, lambda s: room(s).is_member)
    cy.session.retry(failed.message.id)
    ada.window.wait_for(lambda: "too late" in ada.window.texts(lab), "the message")


def test_what_else_happens_is_told_where_it_stands(ada: Person, bob: Person, lab: str) -> None:
    bob.reads(lab)
    ada.sends(lab, "one")
    bob.hears(lab, "one")
    ada.session.rooms.update(lab, topic="Tea")
    told = bob.window.expect(events.NoteArrived).note
    assert (told.kind, told.by, told.after, told.changed) == ("changed", "ada", 1, ("topic",))
    bob.session.open_conversation(lab)
    page = bob.window.expect(events.PageLoaded, lambda e: told in e.notes)
    assert [(note.kind, note.after) for note in page.notes] == [
        ("made", 0), ("came", 0), ("changed", 1)
    ]  # fmt: skip


def test_what_cannot_be_done_is_a_sentence(ada: Person, lab: str) -> None:
    for act, action, field, sentence in (
        (partial(ada.session.rooms.create, "lab"), "create_room", "name",
         "A room's name begins with #."),
        (partial(ada.session.rooms.create, lab), "create_room", "name",
         "This name is taken, or looks like one that is."),
        (partial(ada.session.rooms.join, "#none"), "join_room", "",
         "There is no room called #none."),
        (partial(ada.session.rooms.remove, lab, "cy"), "remove_member", "",
         "cy is not in this room."),
        (partial(ada.session.rooms.add, lab, ["cy"]), "add_members", "",
         "There is no user called cy."),
    ):  # fmt: skip
        ada.window.clear()
        act()
        failed = ada.window.expect(events.Failed)
        assert (failed.action, failed.field, failed.message) == (action, field, sentence)


def test_nothing_is_lost_or_doubled_over_a_failover(
    ada: Person, bob: Person, lab: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob.reads(lab)
    ada.sends(lab, "one")
    with cut_off(bob, monkeypatch):
        waiting = bob.writes(lab, "from the outbox", "in order")
        ada.sends(lab, "two")
        cluster.kill(1)
        ada.sends(lab, "three")
        ada.session.rooms.update(lab, topic="After all")
    bob.sent(*waiting)
    texts = ["one", "two", "three", "from the outbox", "in order"]
    ada.hears(lab, *texts)
    bob.window.wait_for(lambda: len(bob.window.transcript(lab)) == len(texts), "all of them")
    assert sorted(bob.window.texts(lab)) == sorted(texts)
    missed = [e for e in bob.window.of(events.MessageArrived) if e.message.text in ("two", "three")]
    assert [event.live for event in missed] == [False, False]
    comes_to(bob, lab, lambda s: (s.unread, room(s).topic) == (3, "After all"))
    again = bob.session
    again.open_conversation(lab)
    bob.window.wait_for(lambda: bob.window.texts(lab) == texts, "the order of the servers")


def test_a_restarted_window_has_its_rooms(
    ada: Person, bob: Person, lab: str, person: Maker
) -> None:
    ada.sends("bob", "hello")
    ada.sends(lab, "one", "two")
    bob.session.mark_read(lab, 1)
    comes_to(bob, lab, lambda s: s.unread == 1)
    second = person("bob", "'s other computer").sign_in()
    comes_to(second, lab, lambda s: s.unread == 1 and room(s).topic == "What we are at")
    loaded = second.window.of(events.ConversationsLoaded)[-1]
    assert [each.address for each in loaded.conversations] == [lab, "ada"]
    second.session.mark_read(lab)
    comes_to(bob, lab, lambda s: s.unread == 0)
    second.session.rooms.remove(lab, "bob")
    for each in (bob, second):
        each.window.expect(events.RoomLeft)
