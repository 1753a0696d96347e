"""Signing in by the hundred, under attack, and over the end of a server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from chat import wire
from chat.core import limits
from chat.rpc import chat_pb2 as pb
from chat.server.throttle import Source
from tests.cluster import DEADLINE_S, PASSWORD, Client, Cluster, reason, wait_until
from tests.held import checks_held

BUSY = 64
SECRET = "a secret of thirty-two characters"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Cluster]:
    """A server of its own: wrong passwords are counted by name and address."""
    with Cluster(tmp_path, servers=1) as made:
        made.start()
        made.leader()
        yield made


def register(cluster: Cluster, names: list[str]) -> None:
    requests = [
        pb.RegisterRequest(username=name, password=PASSWORD, request_id=str(uuid4()))
        for name in names
    ]
    for call in at_once(cluster, "Register", requests, timeout=30):
        call.result()


def at_once(cluster: Cluster, method: str, requests: list[Any], timeout: float) -> list[Any]:
    """The calls, all begun; as many on a connection as a program may keep busy."""
    stubs = [cluster.client().stub(1) for _ in requests[::BUSY]]
    return [
        getattr(stubs[n // BUSY], method).future(each, timeout=timeout)
        for n, each in enumerate(requests)
    ]


def login(name: str, password: str = PASSWORD, **fields: str) -> pb.LoginRequest:
    return pb.LoginRequest(username=name, password=password, **fields)


def attack(client: Client, name: str, times: int = limits.LOGIN_FAILURES_FREE) -> None:
    for _ in range(times):
        with pytest.raises(grpc.RpcError) as caught:
            client.once("Login", login(name, "a wrong guess"))
        assert reason(caught.value) == "BAD_CREDENTIALS"


def long_attack(cluster: Cluster, name: str, proof: str = "") -> None:
    """So many wrong passwords from here that the next one has to wait for two minutes."""
    passwords = cluster.nodes[1].passwords
    source = Source(name, "127.0.0.1", proof)
    for _ in range(limits.LOGIN_FAILURES_FREE + 7):
        passwords._queue.throttle.begin(source)
        passwords._queue.throttle.end(source, False, passwords._clock_s())


@pytest.mark.parametrize("pupils", [60, 300])
def test_a_class_signs_in_at_once_from_one_address(fresh: Cluster, pupils: int) -> None:
    names = [f"pupil-{number}" for number in range(pupils)]
    register(fresh, names)
    calls = at_once(fresh, "Login", [login(name) for name in names], timeout=60)
    assert [call.result().username for call in calls] == names


def test_wrong_passwords_of_classmates_keep_nobody_out(fresh: Cluster) -> None:
    names = [f"pupil-{number}" for number in range(40)]
    register(fresh, names)
    wrong = at_once(fresh, "Login", [login(name, "a wrong guess") for name in names], timeout=30)
    right = at_once(fresh, "Login", [login(name) for name in names], timeout=30)
    assert {reason(call.exception()) for call in wrong} == {"BAD_CREDENTIALS"}
    assert [call.result().username for call in right] == names


def test_hundreds_who_wait_keep_nobody_from_chatting(
    fresh: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CALLS_MAX", 20)
    ann, bob = fresh.clients("ann", "bob")
    with checks_held(monkeypatch):
        calls = at_once(
            fresh, "Login", [login(f"name-{n}", "wrong") for n in range(200)], timeout=30
        )
        waiting = partial(fresh.sign_ins_waiting, 1)
        wait_until(lambda: len(waiting()) == 200 - limits.PASSWORD_CHECK_THREADS)
        ann.send("bob", "hello")
        assert bob.texts("ann") == ["hello"]
        for call in calls:
            call.cancel()
        wait_until(lambda: not waiting(), "that all have left the queue")


@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_password_too_many_waits_and_is_then_checked(fresh: Cluster, known: bool) -> None:
    ann = fresh.client("ann")
    name = "ann" if known else "no-such-name"
    attack(ann, name)
    request_id = str(uuid4())
    call = ann.stub().Login.future(login(name, "wrong", request_id=request_id), timeout=30)
    place = wait_until(lambda: place_of(ann, request_id), "a place in the queue")
    assert 0 < place.wait_ms <= 1_000
    assert reason(call.exception()) == "BAD_CREDENTIALS"
    assert not place_of(ann, request_id)
    ann.conversations()  # who is signed in is not locked out


def place_of(client: Client, request_id: str) -> Any:
    place = client.once("GetPlace", pb.GetPlaceRequest(request_id=request_id))
    return place if place.waiting else None


def test_a_short_deadline_is_told_when_to_come_back(fresh: Cluster) -> None:
    ann = fresh.client("ann")
    long_attack(fresh, "ann")
    with pytest.raises(grpc.RpcError) as caught:
        ann.stub(1).Login(login("ann"), timeout=DEADLINE_S)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    error = wire.error_from_rpc(caught.value)
    assert error is not None
    assert error.reason == "THROTTLED"
    assert 60_000 < int(error.metadata["retry_after_ms"]) <= 100_000


def test_the_owner_gets_in_from_a_known_device_while_others_guess(fresh: Cluster) -> None:
    ann = fresh.client("ann")
    ann.once("Login", login("ann", device_secret=SECRET))
    long_attack(fresh, "ann")
    stub, known = ann.stub(1), login("ann", device_secret=SECRET)
    for _ in range(3):
        assert stub.Login(known, timeout=DEADLINE_S).username == "ann"
    with pytest.raises(grpc.RpcError) as caught:
        stub.Login(login("ann", device_secret="x" * 32), timeout=DEADLINE_S)
    assert reason(caught.value) == "THROTTLED"


def test_a_known_device_has_an_allowance_of_its_own(fresh: Cluster) -> None:
    ann = fresh.client("ann")
    known = login("ann", device_secret=SECRET)
    ann.once("Login", known)
    (device,) = fresh.nodes[1].machine.state.accounts.devices("ann")
    long_attack(fresh, "ann", device.secret_hash)
    with pytest.raises(grpc.RpcError) as caught:
        ann.stub(1).Login(known, timeout=DEADLINE_S)
    assert reason(caught.value) == "THROTTLED"
    assert ann.once("Login", login("ann")).username == "ann"


def test_a_secret_is_known_for_its_account_only_and_is_not_stored(
    fresh: Cluster, tmp_path: Path
) -> None:
    ann, bob = fresh.clients("ann", "bob")
    ann.once("Login", login("ann", device_secret=SECRET))
    long_attack(fresh, "bob")
    with pytest.raises(grpc.RpcError) as caught:
        bob.stub(1).Login(login("bob", device_secret=SECRET), timeout=DEADLINE_S)
    assert reason(caught.value) == "THROTTLED"
    fresh.stop()
    assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.rglob("*.*"))


@pytest.mark.parametrize(("secret", "stays"), [(SECRET, True), ("", False)])
def test_a_new_password_forgets_the_other_devices(fresh: Cluster, secret: str, stays: bool) -> None:
    ann = fresh.client("ann")
    for each in (SECRET, "y" * 40):
        ann.once("Login", login("ann", device_secret=each))
    ann.call(
        "ChangePassword",
        pb.ChangePasswordRequest(
            current_password=PASSWORD, new_password="another horse", device_secret=secret
        ),
    )
    assert len(fresh.nodes[1].machine.state.accounts.devices("ann")) == stays


def test_a_known_device_is_known_after_a_failover(cluster: Cluster) -> None:
    ann = cluster.client("ann")
    ann.call("Login", login("ann", device_secret=SECRET))
    cluster.kill(cluster.leader())
    ann.call("Login", login("ann", device_secret=SECRET))
    leader = cluster.nodes[cluster.leader()]
    assert len(leader.machine.state.accounts.devices("ann")) == 1


def test_who_waits_at_a_leader_that_stops_signs_in_at_the_next(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"pupil-{number}" for number in range(12)]
    register(cluster, names)
    pupils = [cluster.client() for _ in names]
    first = cluster.leader()
    waiting = partial(cluster.sign_ins_waiting, first)

    def sign_in(client: Client, name: str) -> str:
        client.name = name
        return client.login().username

    with ThreadPoolExecutor(len(names)) as pool:
        with checks_held(monkeypatch):
            done = [pool.submit(sign_in, *each) for each in zip(pupils, names, strict=True)]
            wait_until(lambda: len(waiting()) == len(names) - limits.PASSWORD_CHECK_THREADS)
            ending = threading.Thread(target=cluster.stop, args=(first,))
            ending.start()
            wait_until(lambda: not waiting(), "that nobody waits at the server that stops")
        ending.join()
        assert [each.result(30) for each in done] == names


def test_everything_that_needs_a_password_waits_in_one_queue(
    fresh: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = fresh.client("ann")
    waiting = partial(fresh.sign_ins_waiting, 1)
    requests: list[tuple[str, Callable[..., Any], dict[str, str]]] = [
        ("Register", pb.RegisterRequest, {"username": "eve", "password": PASSWORD}),
        ("Login", pb.LoginRequest, {"username": "ann", "password": PASSWORD}),
        (
            "ChangePassword",
            pb.ChangePasswordRequest,
            {"current_password": PASSWORD, "new_password": "another horse"},
        ),
        ("DeleteAccount", pb.DeleteAccountRequest, {"password": "a wrong one"}),
    ]
    with checks_held(monkeypatch):
        stub = ann.stub(1)
        first = [stub.Login.future(login(f"n{n}", "wrong"), timeout=30) for n in range(2)]
        wait_until(lambda: fresh.nodes[1].passwords._running == 2)
        ids = [str(uuid4()) for _ in requests]
        calls = [
            getattr(stub, method).future(
                make(**fields, request_id=request_id), metadata=ann.metadata(), timeout=30
            )
            for (method, make, fields), request_id in zip(requests, ids, strict=True)
        ]
        wait_until(lambda: len(waiting()) == len(requests))
        places = [place_of(ann, request_id) for request_id in ids]
        assert sorted(place.before for place in places) == [0, 1, 2, 3]
        for call in (*first, *calls):
            call.cancel()
        wait_until(lambda: not waiting())
