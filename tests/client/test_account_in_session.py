"""What a person settles about their own account, in a session at real servers."""

from __future__ import annotations

from chat.client import events
from tests.client.person import Maker, Person


def test_a_lost_phone_is_signed_out_from_the_desk(ada: Person, person: Maker) -> None:
    phone = person("ada", "phone").sign_in()
    ada.session.account.list_devices()
    listed = ada.window.expect(events.DevicesListed)
    here, there = listed.devices
    assert (here.is_this_one, there.is_this_one) == (True, False)
    assert there.online
    ada.session.account.end_sessions(there.session_id)
    ended = phone.window.expect(events.SignedOut)
    assert ended.ended
    ada.window.expect(events.DevicesListed, lambda e: len(e.devices) == 1)


def test_signing_out_everywhere_else_leaves_this_one(ada: Person, person: Maker) -> None:
    others = [person("ada", device).sign_in() for device in ("phone", "tablet")]
    ada.session.account.end_sessions()
    for each in others:
        each.window.expect(events.SignedOut)
    left = ada.window.expect(events.DevicesListed).devices
    assert [device.is_this_one for device in left] == [True]


def test_presence_is_hidden_at_every_device(ada: Person, bob: Person, person: Maker) -> None:
    ada.sends("bob", "hi")
    bob.window.expect(events.Presence, lambda e: e.online)
    phone = person("ada", "phone").sign_in()
    ada.session.account.hide_presence()
    assert ada.window.expect(events.PrivacyShown).hides_presence
    phone.window.expect(events.PrivacyChanged)
    bob.window.expect(events.Presence, lambda e: (e.username, e.online) == ("ada", False))
    phone.session.account.get_privacy()
    assert phone.window.expect(events.PrivacyShown).hides_presence


def test_who_is_blocked_disappears_at_every_device_and_hears_of_nothing(
    ada: Person, bob: Person, person: Maker
) -> None:
    bob.sends("ada", "before")
    phone = person("ada", "phone").sign_in()
    ada.session.account.block("bob")
    assert ada.window.expect(events.PrivacyShown).blocked == ("bob",)
    for each in (ada, phone):
        each.window.expect(events.ConversationUpdated, lambda e: e.conversation.blocked)
    bob.sends("ada", "held back")  # which is acknowledged as ever
    ada.session.account.block("bob", False)
    ada.window.expect_last(events.ConversationUpdated, lambda e: not e.conversation.blocked)
    bob.sends("ada", "after")
    ada.hears("bob", "before", "after")
    bob.hears("ada", "before", "held back", "after")


def test_what_one_writes_to_somebody_blocked_is_refused_with_a_sentence(
    ada: Person, bob: Person
) -> None:
    ada.session.account.block("bob")
    ada.window.expect(events.PrivacyShown)
    (message_id,) = ada.writes("bob", "hi")
    failed = ada.window.expect(
        events.MessageChanged,
        lambda e: e.message.id == message_id and e.message.mark is events.Mark.FAILED,
    )
    assert failed.message.reason == "You have blocked bob: unblock them to write."
    assert bob.window.texts("ada") == []
