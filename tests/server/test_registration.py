"""Who may create an account: everyone, who has an invite, nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from chat.core.errors import ChatError, Invalid
from chat.rpc import chat_pb2 as pb
from chat.server.registration import hash_of, new_code
from tests.admin import Admin
from tests.cluster import PASSWORD, Client, Cluster


def register(client: Client, name: str, invite: str = "", request_id: str = "") -> str:
    """ "OK", or the reason, and the field that it is about."""
    request = pb.RegisterRequest(
        username=name, password=PASSWORD, invite=invite, request_id=request_id or str(uuid4())
    )
    try:
        client.call("Register", request)
    except ChatError as error:
        return f"{error.reason} {error.metadata.get('field', '')}".strip()
    return "OK"


def test_an_invite_lets_in(tmp_path: Path) -> None:
    with Cluster(tmp_path / "servers", registration="invite") as cluster:
        cluster.start()
        cluster.wait_for_members()
        admin, client = Admin(cluster, tmp_path), cluster.client()
        assert register(client, "ada") == "INVALID invite"
        code = admin.document("invites", "make", "--uses", "2", "--days", "1")["code"]
        for wrong in (new_code(), "x", "x" * 10_000, code[:-1], f"{code}0"):
            assert register(client, "ada", wrong) == "INVALID invite"
        again = str(uuid4())
        spoken = code.lower().replace("-", " ").replace("0", "o")
        assert register(client, "ada", spoken, again) == "OK"
        assert register(client, "ada", code) == "NAME_TAKEN"
        (listed,) = admin.document("invites", "list")
        assert (listed["uses"], listed["uses_left"]) == (2, 1)
        assert code.replace("-", "") not in str(listed)
        cluster.kill(1)
        cluster.wait_for_members(2, 3)
        assert register(client, "grace", code) == "OK"
        assert register(client, "ada", code, again) == "OK", "it came again"
        assert admin.document("invites", "list") == []
        assert register(client, "alan", code) == "INVALID invite"
        assert {each["registration"] for each in admin.document("status")["servers"]} == {
            "invite", None,
        }  # fmt: skip


def test_one_that_was_revoked_lets_nobody_in(tmp_path: Path) -> None:
    with Cluster(tmp_path / "servers", servers=1, registration="invite") as cluster:
        cluster.start()
        cluster.leader()
        admin, client = Admin(cluster, tmp_path), cluster.client()
        code = admin.document("invites", "make")["code"]
        (listed,) = admin.document("invites", "list")
        assert admin.well("invites", "revoke", listed["invite"]).endswith(": revoked.\n")
        assert register(client, "ada", code) == "INVALID invite"
        done = admin("invites", "revoke", listed["invite"])
        assert (done.status, done.error) == (1, "admin: There is no such invite.\n")
        for wrong in (("--uses", "0"), ("--days", "9999"), ("--uses", "x")):
            assert admin("invites", "make", *wrong).status == 2


def test_where_it_is_closed_nobody_gets_in(tmp_path: Path) -> None:
    with Cluster(tmp_path / "servers", servers=1, registration="closed") as cluster:
        cluster.start()
        cluster.leader()
        admin, client = Admin(cluster, tmp_path), cluster.client()
        code = admin.document("invites", "make")["code"]
        assert register(client, "ada", code) == "REGISTRATION_CLOSED"


def test_where_all_may_come_no_invite_is_used(
    solo: Cluster, people: Callable[[str], list[Client]], tmp_path: Path
) -> None:
    (ann,) = people("ann")
    code = Admin(solo, tmp_path).document("invites", "make")["code"]
    assert register(ann, f"{ann.name}2", "whatever it is") == "OK"
    assert register(ann, f"{ann.name}3", code) == "OK"
    (listed,) = Admin(solo, tmp_path).document("invites", "list")
    assert listed["uses_left"] == 1


def test_codes_are_told_apart_and_typed_easily() -> None:
    codes = {new_code() for _ in range(100)}
    assert len({hash_of(code) for code in codes}) == 100
    assert hash_of("0O1I L-" + "A" * 15) == hash_of("00111" + "A" * 15)
    for wrong in ("", "A" * 19, "A" * 21, "U" * 20, "ä" * 20, "\x00" * 20):
        with pytest.raises(Invalid):
            hash_of(wrong)
