"""Replies, edits, reactions, mute, typing and readers in sessions on real servers, over cuts."""

from __future__ import annotations

import pytest

from chat.client import events
from chat.client.acts import Act
from chat.client.events import ChatMessage, Mark, Quote, ReactionInfo
from chat.core import limits
from tests.client.person import Maker, Person, cut_off
from tests.client.test_rooms_in_session import comes_to, done
from tests.cluster import Cluster


def row(person: Person, address: str, message_id: str) -> ChatMessage:
    return next(each for each in person.window.transcript(address) if each.id == message_id)


def becomes(person: Person, address: str, message_id: str, **what: object) -> None:
    def true() -> bool:
        known = row(person, address, message_id)
        return all(getattr(known, name) == value for name, value in what.items())

    person.window.wait_for(true, f"{what} of {message_id} at {person.name}")


def test_an_answer_shows_what_it_answers(ada: Person, bob: Person, lab: str) -> None:
    for each in (ada, bob):
        each.reads(lab)
    (first,) = ada.sends(lab, "one")
    answer = bob.session.send(lab, "yes", in_reply_to=first)
    ada.hears(lab, "one", "yes")
    for each in (ada, bob):
        assert row(each, lab, answer).quote == Quote(first, 1, "ada", "one")
    ada.session.change(first, Act.EDIT, "two")
    for each in (ada, bob):
        becomes(each, lab, first, text="two", waiting=())
        assert row(each, lab, first).edited_at > 0
        becomes(each, lab, answer, quote=Quote(first, 1, "ada", "two"))
        comes_to(each, lab, lambda s: s.preview == "yes")
    ada.session.unsend(first)
    for each in (ada, bob):
        becomes(each, lab, answer, quote=Quote(first, 1, "ada", ""))
        becomes(each, lab, first, mark=Mark.UNSENT, text="")


def test_reactions_of_everyone_are_counted(ada: Person, bob: Person, lab: str) -> None:
    for each in (ada, bob):
        each.reads(lab)
    (first,) = ada.sends(lab, "one")
    bob.hears(lab, "one")
    bob.session.change(first, Act.REACT, "👍")
    becomes(ada, lab, first, reactions=(ReactionInfo("👍", ("bob",), 1, False),))
    ada.session.change(first, Act.REACT, "👍")
    becomes(bob, lab, first, reactions=(ReactionInfo("👍", ("bob", "ada"), 2, True),), waiting=())
    bob.session.change(first, Act.UNREACT, "👍")
    for each, mine in ((ada, True), (bob, False)):
        becomes(each, lab, first, reactions=(ReactionInfo("👍", ("ada",), 1, mine),), waiting=())
        each.window.clear()
        each.reads(lab)
        assert row(each, lab, first).reactions == (ReactionInfo("👍", ("ada",), 1, mine),)


def test_what_is_changed_while_away_waits_in_order_and_survives_a_restart(
    ada: Person, bob: Person, person: Maker, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.reads("bob")
    (first,) = ada.sends("bob", "helo")
    with cut_off(ada, monkeypatch):
        ada.session.change(first, Act.EDIT, "hello")
        ada.session.change(first, Act.REACT, "👍")
        (second,) = ada.writes("bob", "second")
        ada.session.change(second, Act.EDIT, "2nd")
        ada.window.wait_for(lambda: len(ada.session.outbox_messages()) == 4, "all to wait")
        waiting = row(ada, "bob", first).waiting
        assert [(each.act, each.text) for each in waiting] == [
            (Act.EDIT, "hello"), (Act.REACT, "👍"),
        ]  # fmt: skip
        assert row(ada, "bob", first).text == "helo", "the servers do not have it yet"
        rows = ada.session.outbox_messages()
        assert [(each.act, each.about) for each in rows] == [
            (Act.EDIT, first), (Act.REACT, first), (Act.SEND, ""), (Act.EDIT, second),
        ]  # fmt: skip
        again = ada.dies(ada.folder.parent / "again")
    again.session.resume()
    again.connected()
    bob.reads("ada")
    becomes(bob, "ada", first, text="hello")
    becomes(bob, "ada", first, reactions=(ReactionInfo("👍", ("ada",), 1, False),))
    bob.window.wait_for(lambda: bob.window.texts("ada") == ["hello", "2nd"], "both")
    again.window.wait_for(lambda: not again.session.outbox_messages(), "an empty outbox")
    again.close()


def test_changes_get_through_a_failover_once(
    ada: Person, bob: Person, lab: str, cluster: Cluster
) -> None:
    for each in (ada, bob):
        each.reads(lab)
    (first,) = ada.sends(lab, "0")
    bob.hears(lab, "0")
    for number in range(1, 21):
        ada.session.change(first, Act.EDIT, str(number))
        bob.session.change(first, Act.REACT if number % 2 else Act.UNREACT, "👍")
        if number == 10:
            cluster.kill(cluster.leader())
    for each in (ada, bob):
        becomes(each, lab, first, text="20", reactions=(), waiting=())
    edits = [e.message for e in bob.window.of(events.MessageChanged) if e.message.id == first]
    texts = [int(each.text) for each in edits]
    assert texts == sorted(texts), "in the order in which they were made"


def test_what_cannot_be_done_any_more_says_why(
    ada: Person, bob: Person, lab: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob.reads(lab)
    (mine,) = bob.sends(lab, "mine")
    monkeypatch.setattr(limits, "EDIT_WITHIN_MS", -1)
    bob.session.change(mine, Act.EDIT, "too late")
    reason = "It was sent more than a day ago, so it cannot be edited any more."
    bob.window.wait_for(
        lambda: [each.failure for each in row(bob, lab, mine).waiting] == [reason], "the reason"
    )
    (failed,) = row(bob, lab, mine).waiting
    monkeypatch.setattr(limits, "EDIT_WITHIN_MS", 10_000_000)
    bob.session.retry(failed.id)
    becomes(bob, lab, mine, text="too late", waiting=())
    with cut_off(bob, monkeypatch):
        bob.session.change(mine, Act.REACT, "👍")
        bob.window.wait_for(lambda: row(bob, lab, mine).waiting, "what waits")
        ada.session.rooms.remove(lab, "bob")
        done(ada, "remove_member")
    bob.window.wait_for(
        lambda: (
            [each.reason for each in bob.session.outbox_messages()]
            == ["That message no longer exists."]
        ),
        "the refusal",
    )
    (refused,) = bob.session.outbox_messages()
    bob.session.discard(refused.id)
    bob.window.wait_for(lambda: not bob.session.outbox_messages(), "an empty outbox")


def test_a_refused_message_is_sent_again_with_another_text(
    ada: Person, bob: Person, lab: str
) -> None:
    ada.session.rooms.remove(lab, "bob")
    bob.window.expect(events.RoomLeft)
    id_ = bob.session.send(lab, "helo")
    bob.window.expect(events.MessageChanged, lambda e: e.message.mark is Mark.FAILED)
    bob.window.clear()
    bob.session.rooms.join(lab)
    done(bob, "join_room")
    bob.session.change(id_, Act.EDIT, "hello")
    ada.hears(lab, "hello")
    bob.window.wait_for(lambda: not bob.session.outbox_messages(), "an empty outbox")
    assert row(ada, lab, id_).edited_at == 0


def test_unsending_discards_what_waits_to_change_it(
    ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.reads("bob")
    (first,) = ada.sends("bob", "one")
    with cut_off(ada, monkeypatch):
        ada.session.change(first, Act.EDIT, "two")
        ada.window.wait_for(lambda: row(ada, "bob", first).waiting, "what waits")
        ada.session.unsend(first)
        ada.window.wait_for(lambda: not ada.session.outbox_messages(), "an empty outbox")
        becomes(ada, "bob", first, waiting=())
    ada.session.unsend(first)
    becomes(ada, "bob", first, mark=Mark.UNSENT)


def test_a_conversation_is_muted_at_every_device(ada: Person, bob: Person, person: Maker) -> None:
    bob.sends("ada", "hello")
    second = person("ada", "'s other computer").sign_in()
    ada.session.conversations.mute("bob")
    for each in (ada, second):
        each.window.expect(events.ConversationUpdated, lambda e: e.conversation.muted)
    third = person("ada", "'s third computer").sign_in()
    (loaded,) = third.window.expect(events.ConversationsLoaded).conversations
    assert loaded.muted
    second.session.conversations.mute("bob", False)
    ada.window.expect_last(events.ConversationUpdated, lambda e: not e.conversation.muted)
    ada.session.conversations.mute("nobody")
    failed = ada.window.expect(events.Failed)
    assert (failed.action, failed.message) == ("mute", "There is no user called nobody.")


def test_who_types_is_told_now_and_then(ada: Person, bob: Person, lab: str) -> None:
    for _ in range(5):
        ada.session.conversations.typing(lab)
    typing = bob.window.expect(events.SomeoneTyping)
    assert typing == events.SomeoneTyping(lab, "ada")
    ada.sends(lab, "done")
    bob.window.expect(events.MessageArrived)
    assert len(bob.window.of(events.SomeoneTyping)) == 1
    assert not ada.window.of(events.SomeoneTyping)


def test_how_many_have_read_is_seen_also_after_a_cut(
    ada: Person, bob: Person, lab: str, person: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "READERS_TOLD_EVERY_S", 0.05)
    cy = person("cy").register()
    cy.session.rooms.join(lab)
    done(cy, "join_room")
    ada.reads(lab)
    (first,) = ada.sends(lab, "one")
    bob.session.mark_read(lab)
    becomes(ada, lab, first, read_by=1, mark=Mark.READ)
    with cut_off(ada, monkeypatch):
        cy.session.mark_read(lab)
        cy.window.expect(events.ReadReceipt)
    becomes(ada, lab, first, read_by=2)


def test_who_is_called_by_name_is_told_so(ada: Person, bob: Person, lab: str) -> None:
    bob.session.conversations.mute(lab)
    bob.reads(lab)
    called, other = ada.sends(lab, "@Bob: look", "@bobby")
    bob.hears(lab, "@Bob: look", "@bobby")
    assert row(bob, lab, called).mentions_me
    assert not row(bob, lab, other).mentions_me
    assert not row(ada, lab, called).mentions_me
    ada.session.change(other, Act.EDIT, "@bob!")
    becomes(bob, lab, other, mentions_me=True)
