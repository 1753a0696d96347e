"""The session on a real cluster that refuses: deleted accounts, ended sessions, what waits."""

from __future__ import annotations

import pytest

from chat.client import events
from chat.client.errors import Unreachable
from chat.client.events import Link, Mark
from chat.client.leaders import Leaders
from chat.client.password_call import PasswordCall
from chat.rpc import chat_pb2 as pb
from tests.client.person import Person, cut_off, link
from tests.cluster import PASSWORD, Cluster


def test_a_deleted_recipient_holds_up_nobody_else(
    cluster: Cluster, ada: Person, bob: Person
) -> None:
    eve = cluster.client("eve")
    eve.call("DeleteAccount", pb.DeleteAccountRequest(password=PASSWORD))
    first = ada.session.send("eve", "are you there")
    ada.session.send("eve", "hello?")
    ada.sends("bob", "still here")
    failed = ada.window.expect(
        events.MessageChanged, lambda e: e.message.id == first and e.message.mark is Mark.FAILED
    )
    assert failed.message.reason == "eve has deleted their account; the message was not sent."
    ada.window.expect_last(events.OutboxChanged, lambda e: (e.waiting, e.failed) == (0, 2))
    ada.session.retry(first)
    ada.window.wait_for(
        lambda: (
            ada.window.marks("eve") == [Mark.FAILED, Mark.FAILED]
            and len(ada.window.of(events.MessageChanged)) >= 5
        ),
        "a second refusal",
    )
    ada.session.discard(first)
    ada.window.expect(events.MessageRemoved)
    ada.window.expect_last(events.OutboxChanged, lambda e: (e.waiting, e.failed) == (0, 1))


def test_what_waits_for_a_deleted_account_ends_as_not_sent(
    cluster: Cluster, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    eve = cluster.client("eve")
    ada.sends("eve", "hello")
    with cut_off(ada, monkeypatch):
        (waiting,) = ada.writes("eve", "are you there")
        eve.call("DeleteAccount", pb.DeleteAccountRequest(password=PASSWORD))
    assert ada.window.expect(events.AccountDeleted).username == "eve"
    ada.window.expect_last(events.OutboxChanged, lambda e: (e.waiting, e.failed) == (0, 1))
    (kept,) = ada.session.outbox_messages()
    assert (kept.id, kept.mark) == (waiting, Mark.FAILED)
    assert kept.reason == "eve has deleted their account; the message was not sent."


def test_a_message_written_offline_can_be_taken_back(cluster: Cluster, ada: Person) -> None:
    bob = cluster.client("bob")
    cluster.kill()
    link(ada, Link.RECONNECTING)
    ids = ada.writes("bob", "one", "two", "three")
    ada.session.unsend(ids[1])
    ada.window.expect(events.MessageRemoved, lambda e: e.message_id == ids[1])
    cluster.start()
    ada.sent(ids[2])
    assert bob.texts("ada") == ["one", "three"]


def test_an_ended_session_keeps_what_waits(cluster: Cluster, ada: Person, bob: Person) -> None:
    other = cluster.client("ada", register=False)
    other.call(
        "ChangePassword",
        pb.ChangePasswordRequest(current_password=PASSWORD, new_password="another horse"),
    )
    ended = ada.window.expect(events.SignedOut)
    assert ended.ended
    ada.session.send("bob", "typed before the sheet was there")
    assert ada.profile.sign_in is None
    ada.window.clear()
    ada.session.sign_in("ada", "another horse")
    ada.window.expect(events.OutboxFlushed, lambda e: e.sent == 1)
    bob.hears("ada", "typed before the sheet was there")


def test_a_deleted_account_leaves_nothing_on_this_computer(cluster: Cluster, ada: Person) -> None:
    ada.profile.set_draft("ada", "bob", "half a sen")
    ada.writes("nobody", "to nobody")
    ada.window.expect_last(events.OutboxChanged, lambda e: e.failed == 1)
    ada.session.delete_account(PASSWORD)
    assert ada.window.expect(events.SignedOut).deleted
    ada.close()
    left = b"".join(path.read_bytes() for path in ada.folder.iterdir())
    assert b"to nobody" not in left
    assert b"half a sen" not in left
    assert ada.profile.sign_in is None


@pytest.mark.parametrize(("where", "method"), [(Leaders, "attempt"), (PasswordCall, "call")])
def test_a_deletion_whose_answer_was_lost_is_told_as_one(
    ada: Person, monkeypatch: pytest.MonkeyPatch, where: type, method: str
) -> None:
    """Asked again at once, or by the end of the session after all was in vain."""
    real, lost = getattr(where, method), list[object]()

    def lose_first_answer(each: object, name: str, *rest: object) -> object:
        answer = real(each, name, *rest)
        if name == "DeleteAccount" and not lost:
            lost.append(answer)
            raise Unreachable("The answer was lost.")
        return answer

    monkeypatch.setattr(where, method, lose_first_answer)
    ada.session.delete_account(PASSWORD)
    assert ada.window.expect(events.SignedOut) == events.SignedOut("ada", False, deleted=True)
    assert lost
