"""Client: people who write until they are told that it is done, who read, and who listen."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chat.core.limits import SESSION_LIFETIME_MS
from chat.core.state.operations import Operation
from chat.core.state.operations.add_members import AddMembers
from chat.core.state.operations.create_room import CreateRoom
from chat.core.state.operations.edit_message import EditMessage
from chat.core.state.operations.mute_conversation import MuteConversation
from chat.core.state.operations.open_session import OpenSession
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.react_to_message import ReactToMessage
from chat.core.state.operations.read_messages import ReadMessages
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.unsend_message import UnsendMessage
from tests.simulation.contents import Chat, Result
from tests.simulation.process import Answer, Process

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

_PATIENCE_S = 3.0  # after it the same request goes to another server
_HASTE_S = 0.4  # ...where clients are hasty
_PAUSE_S = 0.1
_ROOM = "#room"


class Client:
    """One user with one window; a request keeps its id over every retry."""

    def __init__(self, cluster: Simulation, user: str, contact: str) -> None:
        self._cluster = cluster
        self._world = cluster.world
        self._user, self._contact = user, contact
        self._cursor = self._position = 0
        self._last_sent = ""
        self._requests = itertools.count(1)
        self._pending: dict[str, Operation] = {}
        self._attempt = 0
        self._server = cluster.ids[0]
        if cluster.real_chat:
            request = f"register {user}"
            self._pending[request] = RegisterUser(user, "hash", request, 0)
            self._pending[f"make {user}"] = self._making_of_room()
            self._pending[f"join {user}"] = AddMembers(_ROOM, user, user, f"join {user}", 0)
        if cluster.plan.wrong_clocks:
            self._pending[f"sign in {user}"] = OpenSession(user, user, "laptop", 0, "hash", 0)

    def _making_of_room(self) -> Operation:
        """By each, of whom one is the first; the others join later."""
        return CreateRoom(_ROOM, "", "open", self._user, _ROOM, f"make {self._user}", 0)

    def start(self) -> None:
        self._world.after(self._world.chance(), self._write)
        self._world.after(self._world.chance(), self._read)

    # -- writing --

    def _write(self) -> None:
        """One step of its life: new requests when the old ones are done, else a retry."""
        if not self._pending:
            for _ in range(self._world.random.choice((1, 1, 1, 4))):
                self._add_request()
        self._attempt += 1
        attempt = self._attempt
        process = self._cluster.processes.get(self._server)
        hasty = self._cluster.hasty
        if process is not None and hasty and not process.alive:
            self._world.after(_PAUSE_S / 10, lambda: self._answered(process, attempt, "", None))
        elif process is not None:
            process.later(self._cluster.network.delay(), lambda: self._call(process, attempt))
        self._world.after(_HASTE_S if hasty else _PATIENCE_S, lambda: self._give_up(attempt))

    def _add_request(self) -> None:
        number = next(self._requests)
        request = f"{self._user} {number}"
        chance = self._world.chance() if self._cluster.real_chat else 0.0
        if chance > 0.97:
            self._pending[request] = AddMembers(_ROOM, self._user, self._user, request, 0)
        elif chance < 0.7 or not self._last_sent:
            where = _ROOM if 0.4 < chance < 0.7 else self._contact
            answered = self._newest(where) if 0.3 < chance < 0.5 else ""
            self._pending[request] = PostMessage(request, self._user, where, "hello", 0, answered)
        elif chance < 0.8:
            where = _ROOM if chance < 0.75 else self._contact
            self._pending[request] = ReadMessages(self._user, where, 2, request, 0)
        elif chance < 0.85:
            edit = EditMessage(self._last_sent, self._user, f"hello {request}", request, 0)
            self._pending[request] = edit
        elif chance < 0.91:
            about, on = self._newest(_ROOM if chance < 0.88 else self._contact), int(chance < 0.9)
            self._pending[request] = ReactToMessage(about, self._user, "👍", on, request, 0)
        elif chance < 0.93:
            muted = int(chance < 0.92)
            self._pending[request] = MuteConversation(self._user, _ROOM, muted, request, 0)
        else:
            self._pending[request] = UnsendMessage(self._last_sent, self._user, 0)

    def _newest(self, where: str) -> str:
        """The last message that anybody was told is sent there."""
        return self._cluster.said.get(self._place(where), "")

    def _place(self, where: str) -> str:
        return where if where == _ROOM else " ".join(sorted((self._user, where)))

    def _done(self, operation: Operation | None, result: Result) -> None:
        if isinstance(operation, PostMessage) and isinstance(result, tuple):
            self._last_sent = operation.message_id
            self._cluster.said[self._place(operation.address)] = operation.message_id

    def _call(self, process: Process, attempt: int) -> None:
        if attempt != self._attempt or not self._pending:
            return
        requests = list(self._pending)
        # Every proposal is an operation of its own, told apart by its time.
        operations = [_stamped(self._pending[r], self._cluster.stamp(process)) for r in requests]

        def answer(at: int) -> Answer:
            return lambda result: self._answered(process, attempt, requests[at], result)

        process.write(operations, answer)

    def _answered(self, process: Process, attempt: int, request: str, result: Result) -> None:
        if result is not None:
            self._cluster.oracle.answered(process, request, result)
            self._done(self._pending.pop(request, None), result)
            if self._pending:
                return
        if attempt == self._attempt:
            self._attempt += 1
            if result is None:
                self._server = self._world.random.choice(self._cluster.ids)
            self._world.after(self._pause_s(), self._write)

    def _pause_s(self) -> float:
        pause_s = self._world.between(0.02, 2 * _PAUSE_S)
        return 2 * pause_s if self._cluster.hasty else pause_s

    def _give_up(self, attempt: int) -> None:
        if attempt == self._attempt:
            self._server = self._world.random.choice(self._cluster.ids)
            self._write()

    # -- reading --

    def _read(self) -> None:
        self._world.after(self._world.between(0.0, 4 * _PAUSE_S), self._read)
        process = self._cluster.processes.get(self._world.random.choice(self._cluster.ids))
        if process is not None:
            before = len(self._cluster.oracle.history)
            process.later(self._cluster.network.delay(), lambda: self._ask(process, before))

    def _ask(self, process: Process, committed_before: int) -> None:
        if not process.replica.may_read(process.now):
            return
        oracle = self._cluster.oracle
        oracle.read(process, committed_before)
        if self._cluster.plan.wrong_clocks:
            oracle.signed_in(process, self._user)
        events = process.contents.events_after(self._user, self._cursor)
        oracle.streamed(self._user, self._cursor, events)
        self._cursor += len(events)
        if isinstance(process.contents, Chat):
            self._ask_of_room(process.contents)

    def _ask_of_room(self, contents: Chat) -> None:
        events = contents.room_events_after(self._user, _ROOM, self._position)
        if events:
            self._cluster.oracle.streamed(_ROOM, events[0][0] - 1, events)
            self._position = events[-1][0]


def _stamped(operation: Any, at: int) -> Operation:
    lasts = {"expires_at": at + SESSION_LIFETIME_MS} if isinstance(operation, OpenSession) else {}
    stamped: Operation = replace(operation, at=at, **lasts)
    return stamped
