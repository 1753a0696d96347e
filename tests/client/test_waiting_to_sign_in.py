"""A person whose password is not checked at once: what is told, and how it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from chat.client import events, password_call
from chat.client.errors import Cancelled, Unreachable
from chat.client.leaders import Leaders
from chat.client.password_call import PasswordCall
from chat.core import limits
from chat.core.errors import BadCredentials, Busy
from chat.rpc import chat_pb2 as pb
from chat.rpc.chat_pb2_grpc import add_ChatServiceServicer_to_server
from chat.server.throttle import Source
from tests.client.fake import Service, State, refuse
from tests.client.person import Maker, Person
from tests.cluster import PASSWORD, Cluster, wait_until
from tests.held import checks_held


def waits(person: Person, **fields: Any) -> events.WaitChanged:
    return person.window.expect(
        events.WaitChanged,
        lambda e: all(getattr(e, name) == value for name, value in fields.items()),
    )


def at_the_leader(cluster: Cluster) -> list[Any]:
    return cluster.sign_ins_waiting(cluster.leader())


def crowd(cluster: Cluster, people: int) -> list[Any]:
    """So many sign in at once, with a wrong password."""
    stub = cluster.client().stub()
    requests = [pb.LoginRequest(username=f"someone-{n}", password="x" * 8) for n in range(people)]
    calls = [stub.Login.future(request, timeout=60) for request in requests]
    wait_until(lambda: len(at_the_leader(cluster)) == people - limits.PASSWORD_CHECK_THREADS)
    return calls


def guessed(cluster: Cluster, name: str, times: int) -> None:
    """Somebody has tried so many wrong passwords from here."""
    passwords = cluster.nodes[cluster.leader()].passwords
    source = Source(name, "127.0.0.1")
    for _ in range(times):
        passwords._queue.throttle.begin(source)
        passwords._queue.throttle.end(source, False, passwords._clock_s())


def test_who_waits_sees_how_many_are_before(
    cluster: Cluster, person: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.client("eve")
    guest = person("guest")
    with checks_held(monkeypatch):
        calls = crowd(cluster, 10)
        guest.session.sign_in("eve", PASSWORD)
        # Turns go round the connections: one of the crowd is before, not eight.
        assert waits(guest).action == "sign_in"
        assert waits(guest).before <= 1
        assert not guest.window.of(events.SignedIn)
    guest.window.expect(events.SignedIn)
    for call in calls:
        assert call.exception() is not None


@pytest.mark.parametrize("action", ["sign_in", "register", "change_password", "delete_account"])
def test_who_gives_up_leaves_the_queue_and_may_try_again(
    cluster: Cluster, ada: Person, person: Maker, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    asks = person("guest") if action in ("sign_in", "register") else ada
    arguments = {
        "sign_in": ("ada", PASSWORD),
        "register": ("eve", PASSWORD),
        "change_password": (PASSWORD, "another horse"),
        "delete_account": (PASSWORD,),
    }[action]
    with checks_held(monkeypatch):
        calls = crowd(cluster, 6)
        getattr(asks.session, action)(*arguments)
        waits(asks, action=action)
        asks.session.cancel_waiting()
        wait_until(lambda: len(at_the_leader(cluster)) == 4, "that it has left the queue")
        getattr(asks.session, action)(*arguments)
        wait_until(lambda: len(at_the_leader(cluster)) == 5, "that it waits again")
    asks.window.wait_for(lambda: succeeded(asks, action), "success")
    assert all(call.exception() for call in calls)
    assert not asks.window.of(events.Failed)


def succeeded(person: Person, action: str) -> bool:
    if action == "sign_in":
        return bool(person.window.of(events.SignedIn))
    if action == "delete_account":
        return any(event.deleted for event in person.window.of(events.SignedOut))
    return any(event.action == action for event in person.window.of(events.Done))


def test_a_full_queue_is_told_and_tried_again(
    cluster: Cluster, person: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.client("eve")
    monkeypatch.setattr(limits, "SIGN_INS_WAITING_MAX", 4)
    cluster.stop()
    cluster.start()
    monkeypatch.setattr(limits, "SIGN_IN_RETRY_MS", 300)
    guest = person("guest")
    with checks_held(monkeypatch):
        calls = []
        for number in range(6):  # from as many connections: nobody has more than another
            stub = cluster.client().stub()
            request = pb.LoginRequest(username=f"someone-{number}", password="x" * 8)
            calls.append(stub.Login.future(request, timeout=60))
        wait_until(lambda: len(at_the_leader(cluster)) == 4)
        guest.session.sign_in("eve", PASSWORD)
        told = waits(guest, crowded=True)
        assert 0 < told.wait_s <= 0.4
    guest.window.expect(events.SignedIn)
    assert all(call.exception() for call in calls)


def test_who_waits_at_a_server_that_dies_signs_in_at_the_next(
    cluster: Cluster, person: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.client("eve")
    cluster.wait_for_members()
    guest = person("guest")
    leader = cluster.leader()
    with checks_held(monkeypatch):
        calls = crowd(cluster, 4)
        guest.session.sign_in("eve", PASSWORD)
        waits(guest)
        ending = threading.Thread(target=cluster.kill, args=(leader,))
        ending.start()
        wait_until(lambda: leader not in cluster.leaders(), "the end of the leader")
    ending.join()
    guest.window.expect(events.SignedIn)
    assert not guest.window.of(events.Failed)
    assert all(call.exception() for call in calls)


def test_the_owner_signs_in_on_a_known_device_while_a_stranger_waits(
    cluster: Cluster, ada: Person, person: Maker
) -> None:
    ada.session.sign_out()
    ada.window.expect(events.SignedOut)
    guessed(cluster, "ada", limits.LOGIN_FAILURES_FREE + 2)  # the next waits for four seconds
    ada.window.clear()
    ada.sign_in()
    assert not [event for event in ada.window.of(events.WaitChanged) if event.wait_s]
    stranger = person("stranger")
    stranger.session.sign_in("ada", PASSWORD)
    held = stranger.window.expect(events.WaitChanged, lambda e: e.wait_s > 0)
    assert held.wait_s <= 4
    stranger.window.expect(events.SignedIn)


def test_a_profile_keeps_one_secret(ada: Person, person: Maker) -> None:
    secret = ada.profile.device_secret
    assert len(secret) >= limits.DEVICE_SECRET_CHARACTERS_MIN
    ada.close()
    assert person("ada").profile.device_secret == secret
    assert person("bob").profile.device_secret != secret


def test_a_secret_that_is_damaged_is_made_again(ada: Person, person: Maker) -> None:
    secret = ada.profile.device_secret
    ada.close()
    (ada.folder / "device.json").write_text('{"secret": "short"}', encoding="utf-8")
    again = person("ada").profile.device_secret
    assert len(again) == len(secret)
    assert again != secret


# --- with a server that answers as it is told ------------------------------------------------


class Scripted(Service):
    """A Login waits until `answer` is set; GetPlace answers as an old server does, or as told."""

    def __init__(self, state: State) -> None:
        super().__init__(state, 1)
        self.answer = threading.Event()
        self.refusals: list[Busy] = []
        self.places: list[pb.GetPlaceResponse] = []
        self.asked = 0

    def Login(self, request: Any, context: Any) -> pb.LoginResponse:
        if self.refusals:
            refuse(context, self.refusals.pop())
        assert self.answer.wait(30)
        return super().Login(request, context)

    def GetPlace(self, request: Any, context: Any) -> pb.GetPlaceResponse:
        self.asked += 1
        if not self.places:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        return self.places[0]


@contextmanager
def scripted() -> Iterator[tuple[Scripted, PasswordCall, list[events.WaitChanged]]]:
    state = State()
    service = Scripted(state)  # type: ignore[abstract]  # the rest is not called
    server = grpc.server(futures.ThreadPoolExecutor(8))
    add_ChatServiceServicer_to_server(service, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    state.addresses[1] = address
    server.start()
    told: list[events.WaitChanged] = []
    leaders = Leaders([address], lambda _event: None)
    try:
        yield service, PasswordCall(leaders, told.append, "sign_in"), told
    finally:
        service.answer.set()
        leaders.close()
        server.stop(None).wait()


def ask(call: PasswordCall, word: str = "right password") -> Any:
    return call.call("Login", pb.LoginRequest(username="ada", password=word))


def test_a_server_of_an_older_version_is_waited_for_all_the_same() -> None:
    with scripted() as (service, call, told):
        timer = threading.Timer(0.7, service.answer.set)
        timer.start()
        assert ask(call).username == "ada"
        timer.join()
        assert service.asked
        assert not told


def test_while_the_leader_says_that_one_waits_nobody_else_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with scripted() as (service, call, told):
        service.places = [pb.GetPlaceResponse(waiting=True, before=40)]
        finds: list[str] = []
        find = Leaders.find

        def counted(leaders: Leaders) -> Any:
            finds.append("asked")
            return find(leaders)

        monkeypatch.setattr(Leaders, "find", counted)
        threading.Timer(1.5, service.answer.set).start()
        ask(call)
        assert len(finds) == 1  # at the start
        assert told == [events.WaitChanged("sign_in", 40)]


def test_a_wrong_password_is_told_at_once() -> None:
    with scripted() as (service, call, _):
        service.answer.set()
        with pytest.raises(BadCredentials):
            ask(call, "wrong")


def test_a_server_that_is_gone_without_a_word_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_call, "LOST_AFTER_S", 1.0)
    monkeypatch.setattr(password_call, "GIVE_UP_S", 1.0)
    with scripted() as (service, call, _):
        with pytest.raises(Unreachable):
            ask(call)
        assert service.asked


@pytest.mark.parametrize("refused", [True, False])
def test_it_can_be_given_up(refused: bool) -> None:
    with scripted() as (service, call, told):
        service.places = [pb.GetPlaceResponse(waiting=True, before=3)]
        if refused:
            service.refusals = [Busy("Full.", retry_after_ms="60000")]
        threading.Timer(0.5, call.cancel).start()
        with pytest.raises(Cancelled):
            ask(call)
        assert told
        assert told[0].crowded is refused
