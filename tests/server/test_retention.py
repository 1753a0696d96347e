"""Messages that are older than all may be go, whoever leads, and everybody is told."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chat.client import events
from chat.core.errors import NoSuchMessage
from chat.core.state.operations.set_retention import SetRetention
from chat.rpc import chat_pb2 as pb
from chat.server import expiry
from chat.server.expiry import Expiry
from tests.admin import Admin
from tests.client.person import Person
from tests.cluster import Cluster, wait_until
from tests.server.test_search_served import search


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a day is for the rule is a moment here."""
    monkeypatch.setattr(expiry, "_DAY_MS", 1)


def look(cluster: Cluster) -> int:
    """How many messages the leader let go, now that it looks."""
    machine = cluster.nodes[cluster.leader()].machine
    newest = max((each.sent_at for each in machine.state.conversations.by_id.values()), default=0)
    wait_until(lambda: machine.time.expiry_ms() - 1 > newest, "they are old")
    return cluster.run(Expiry(machine).look())


def test_nothing_goes_unless_it_was_said(cluster: Cluster, at_once: None) -> None:
    ada, _grace = cluster.clients("ada", "grace")
    ada.send("grace", "hi")
    assert look(cluster) == 0
    assert ada.texts("grace") == ["hi"]


def test_what_is_new_stays(cluster: Cluster, tmp_path: Path) -> None:
    admin, (ada, _grace) = Admin(cluster, tmp_path), cluster.clients("ada", "grace")
    admin.well("retention", "--days", "1", "--yes")
    ada.send("grace", "hi")
    assert look(cluster) == 0
    assert ada.texts("grace") == ["hi"]


def test_what_is_old_goes_everywhere(cluster: Cluster, tmp_path: Path, at_once: None) -> None:
    admin, (ada, grace) = Admin(cluster, tmp_path), cluster.clients("ada", "grace")
    ada.create_room("#lab")
    ada.add_members("#lab", "grace")
    stream = grace.subscribe(positions={})
    old = [ada.send("grace", "an old word"), ada.send("#lab", "an old word in a room")]
    wait_until(lambda: len(search(grace, "old")) == 2)
    assert grace.conversations().conversations[0].unread_count == 1
    admin.well("retention", "--days", "1", "--yes")
    (told,) = stream.wait_for(partial(stream.of, "announcement"))
    assert told.text == "From now on messages are kept for 1 day: older ones go."
    assert look(cluster) == 2
    assert look(cluster) == 0
    wait_until(lambda: len(stream.of("expired")) == 2)
    gone = stream.of("expired")
    assert {(each.sender, each.recipient, each.through_sequence) for each in gone} == {
        ("ada", "grace", 1), ("", "#lab", 1),
    }  # fmt: skip
    assert ada.texts("grace") == grace.texts("ada") == grace.texts("#lab") == []
    assert grace.conversations().conversations[0].unread_count == 0
    assert search(grace, "old") == []
    edit = pb.EditMessageRequest(message_id=old[0].id, text="new", request_id=old[0].id)
    with pytest.raises(NoSuchMessage):
        ada.call("EditMessage", edit)
    assert ada.send("grace", "next").sequence == 2
    assert ada.send("#lab", "next").sequence == 2
    assert admin.document("quota")["messages"] == 2
    assert grace.texts("ada") == grace.texts("#lab") == ["next"]


@pytest.mark.parametrize("said", ["31", "ever"])
def test_what_is_to_be_kept_longer_by_now_stays(
    cluster: Cluster,
    tmp_path: Path,
    at_once: None,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
) -> None:
    admin, (ada, *_others) = Admin(cluster, tmp_path), cluster.clients("ada", "grace", "alan")
    ada.send("grace", "kept")
    ada.send("alan", "kept, too")
    admin.well("retention", "--days", "1", "--yes")
    machine, asked = cluster.nodes[cluster.leader()].machine, []
    write = machine.write

    async def after_that_was_said(operation: Any) -> Any:
        """As the administrator's word that is confirmed while the first of them is being asked."""
        asked.append(operation)
        days = 0 if said == "ever" else int(said)
        await write(SetRetention(days, "root", "r", machine.now_ms()))
        return await write(operation)

    monkeypatch.setattr(machine, "write", after_that_was_said)
    assert look(cluster) == 0
    assert len(asked) == 1, "nothing more is asked for by the old rule"
    assert ada.texts("grace") == ["kept"]
    assert ada.texts("alan") == ["kept, too"]


def test_many_go_in_steps_over_the_death_of_the_leader(
    cluster: Cluster, tmp_path: Path, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.core.limits.EXPIRED_AT_ONCE_MAX", 3)
    admin, (ada, grace) = Admin(cluster, tmp_path), cluster.clients("ada", "grace")
    for number in range(10):
        ada.send("grace", f"{number}")
    admin.well("retention", "--days", "1", "--yes")
    cluster.kill(1)
    cluster.wait_for_members(2, 3)
    assert look(cluster) == 10
    assert grace.texts("ada") == []
    cluster.restart(1)
    cluster.wait_for_members(1, 2, 3)
    assert grace.texts("ada") == []
    assert ada.send("grace", "again").sequence == 11


def test_shorter_is_asked_back_and_longer_is_not(cluster: Cluster, tmp_path: Path) -> None:
    admin = Admin(cluster, tmp_path)
    done = admin("retention", "--days", "30")
    assert (done.status, "Say --yes." in done.error) == (1, True)
    assert admin.document("retention")["keep_messages_days"] == 0
    admin.well("retention", "--days", "30", "--yes")
    assert admin.well("retention", "--days", "31") == "Messages are kept for 31 days.\n"
    info = cluster.client("ada").once("GetLeaderInfo", pb.GetLeaderInfoRequest())
    assert info.keep_messages_days == 31, "the window says so"
    assert admin.well("retention", "--days", "ever") == "Messages are kept for ever.\n"
    assert [each["about"] for each in admin.document("audit")] == ["for ever", "31 days", "30 days"]
    for wrong in ("0", "-1", "36501", "much"):
        assert admin("retention", f"--days={wrong}").status == 2


def test_a_window_lets_them_go(cluster: Cluster, tmp_path: Path, at_once: None) -> None:
    admin, grace = Admin(cluster, tmp_path), cluster.client("grace")
    ada = Person(cluster, tmp_path / "ada", "ada").register()
    try:
        (sent,) = ada.sends("grace", "one")
        grace.send("ada", "two")
        ada.window.expect(events.ConversationUpdated, lambda e: e.conversation.unread == 1)
        admin.well("retention", "--days", "1", "--yes")
        assert look(cluster) == 2
        ada.window.expect(events.MessageRemoved, lambda e: e.message_id == sent)
        ada.window.expect_last(
            events.ConversationUpdated,
            lambda e: (e.conversation.preview, e.conversation.unread) == ("", 0),
        )
    finally:
        ada.close()
