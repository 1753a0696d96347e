"""How much is held of whom, and what happens where that is as much as may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from chat.core import limits
from chat.core.errors import Invalid
from chat.rpc import chat_pb2 as pb
from tests.admin import Admin
from tests.cluster import Client, Cluster

People = Callable[[str], list[Client]]
MESSAGE = limits.MESSAGE_HELD_BYTES + 2


@pytest.fixture
def admin(solo: Cluster, tmp_path: Path) -> Admin:
    return Admin(solo, tmp_path)


def quota_at_bound(client: Client, to: str, text: str = "hi") -> str:
    """Which quota refuses it."""
    with pytest.raises(Invalid) as caught:
        client.send(to, text)
    assert caught.value.metadata["field"] == "text", "clients of before show the sentence"
    return caught.value.metadata["quota"]


def test_usage_tells_who_has_most(people: People, admin: Admin) -> None:
    ann, bob = people("usagea usageb")
    ann.send(bob.name, "hi")
    bob.send(ann.name, "hi")
    bob.send(ann.name, "ü")
    found = admin.document("users", "list", "usage*", "--usage")
    assert [(each["username"], each["messages"], each["held_bytes"]) for each in found] == [
        (bob.name, 2, 2 * MESSAGE), (ann.name, 1, MESSAGE),
    ]  # fmt: skip
    head, first, _ = admin.well("users", "list", "usage*", "--usage").splitlines()
    assert head.split() == ["NAME", "STATE", "MESSAGES", "BYTES"]
    assert first.split() == [bob.name, "offline", "2", str(2 * MESSAGE)]


def test_who_is_at_their_bound_writes_nothing_more(people: People, admin: Admin) -> None:
    ann, bob = people("ann bob")
    sent = ann.send(bob.name, "hi")
    admin.well("quota", "--user", str(2 * MESSAGE))
    try:
        ann.send(bob.name, "ho")
        assert quota_at_bound(ann, bob.name) == "user"
        edit = pb.EditMessageRequest(message_id=sent.id, text="h", request_id=str(uuid4()))
        ann.call("EditMessage", edit)
        edit = pb.EditMessageRequest(message_id=sent.id, text="hey", request_id=str(uuid4()))
        with pytest.raises(Invalid):
            ann.call("EditMessage", edit)
        bob.send(ann.name, "others do")
    finally:
        admin.well("quota", "--user", "none")
    ann.send(bob.name, "hi")


def test_all_together_have_a_bound(people: People, admin: Admin) -> None:
    ann, bob = people("ann bob")
    ann.send(bob.name, "hi")
    held = admin.document("quota")["held_bytes"]
    found = admin.document("quota", "--all", str(held), "--by", "root")
    try:
        assert (found["user_bytes"], found["all_bytes"]) == (0, held)
        assert quota_at_bound(bob, ann.name) == "all"
        assert "at most" in admin.well("quota")
    finally:
        admin.well("quota", "--all", "none")
    assert [each["about"] for each in admin.document("audit", "--limit", "2")] == [
        "all 0", f"all {held}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "size"),
    [("0", 0), ("none", 0), ("7", 7), ("2K", 2048), ("3MiB", 3 << 20), ("1g", 1 << 30)],
)
def test_a_size_is_said_in_the_usual_ways(admin: Admin, said: str, size: int) -> None:
    try:
        assert admin.document("quota", "--user", said)["user_bytes"] == size
    finally:
        admin.well("quota", "--user", "none")


@pytest.mark.parametrize("said", ["", "-1", "1.5G", "9999999T", "9" * 99, "much"])
def test_other_sizes_are_refused(admin: Admin, said: str) -> None:
    assert admin("quota", f"--user={said}").status == 2


def test_a_quota_and_what_is_held_survive_the_leader(cluster: Cluster, tmp_path: Path) -> None:
    admin, (ada, _grace) = Admin(cluster, tmp_path), cluster.clients("ada", "grace")
    ada.send("grace", "hi")
    admin.well("quota", "--user", str(MESSAGE))
    cluster.kill(1)
    cluster.wait_for_members(2, 3)
    assert quota_at_bound(ada, "grace") == "user"
    found = admin.document("quota")
    assert (found["user_bytes"], found["held_bytes"], found["messages"]) == (MESSAGE, MESSAGE, 1)
