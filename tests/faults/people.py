"""Concurrent users of the chat: they write, read, mark, edit, react and unsend, in pairs and in
rooms of five, and note what they saw.

Each has a thread and the real client's `Leaders`: what fails is repeated with the same id at
whoever leads then. A live stream a person is followed beside it.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chat.core.errors import ClusterError, NoSuchMessage
from chat.core.limits import PAGE_SIZE_MAX
from chat.core.state.operations.unsend_message import AlreadyRead
from chat.rpc import chat_pb2
from tests.faults.following import Follower, edited_to, in_room, line_of, text_of
from tests.faults.history import (
    UNKNOWN,
    Call,
    Edit,
    Mark,
    Op,
    Page,
    Pair,
    React,
    Send,
    Unsend,
    check,
)
from tests.faults.processes import DEADLINE_S, Servers, until
from tests.faults.seed import token_of

_PAGE_LINES = 20
# A server that stands still leaves calls without an answer: then ask who leads by now.
_ATTEMPT_S = 1.0
_IN_ROOM = 0.4  # so much of what somebody does who is in a room
_ROOM_OF = 5
_EMOJI = ("👍", "🎉")


@dataclass(frozen=True, slots=True)
class Answer:
    """A write that succeeded: when, and which server answered it."""

    at: float
    leader_id: int


@dataclass
class Person:
    """One end of a conversation, who may be in a room, too. `history` and `answers` are the
    thread's own until it ends. Only who is `lively` edits and reacts."""

    servers: Servers
    name: str
    contact: str
    within_s: float = DEADLINE_S  # after which a call is given up
    pause_s: float = 0.005
    per_second: float = 0.0  # 0 = as the pauses allow; else nothing but sends, at this rate
    room: str = ""
    lively: bool = True
    history: list[Op] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pair = self._pair(self.contact)
        self._leaders = self.servers.leaders()
        self._random = random.Random(self.name)
        self._sent: dict[str, list[str]] = {}  # where they went
        self._seen: dict[str, list[str]] = {}  # on the last page
        self.trouble = ""  # the last one that was not the person's own fault
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"person-{self.name}", daemon=True)

    def _pair(self, where: str) -> Pair:
        in_room = where.startswith("#")
        return (where,) if in_room else (min(self.name, where), max(self.name, where))

    @property
    def places(self) -> tuple[str, ...]:
        return (self.contact, self.room) if self.room else (self.contact,)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Lets the thread finish its call; raises what it met."""
        self._stop.set()
        self._thread.join(2 * DEADLINE_S)
        assert not self._thread.is_alive(), f"{self.name} hangs"
        if self._failure is not None:
            raise self._failure

    @property
    def failed(self) -> bool:
        return self._failure is not None

    def close(self) -> None:
        self._stop.set()
        self._leaders.close()

    def _run(self) -> None:
        try:
            if self.per_second:
                self._send_steadily()
            while not self._stop.is_set():
                self.act()
                self._stop.wait(self.pause_s)
        except BaseException as error:
            self._failure = error

    def _send_steadily(self) -> None:
        """After a delay the next ones follow at once: the rate is what was asked for."""
        due = time.monotonic() + self._random.random() / self.per_second
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self.send()
            due += 1 / self.per_second

    def act(self) -> None:
        where = self.room if self.room and self._random.random() < _IN_ROOM else self.contact
        kind, sent, seen = self._random.random(), self._sent.get(where), self._seen.get(where)
        if kind < 0.55 or not sent:
            self.send(where)
        elif kind < 0.7:
            self.read(where=where)
        elif kind < 0.8:
            self.mark(self._random.randrange(4), where)
        elif kind < 0.88 and self.lively:
            self.edit(self._random.choice(sent[-3:]), where)
        elif kind < 0.94 and self.lively and seen:
            self.react(self._random.choice(seen[-3:]), where)
        else:
            self.unsend(self._random.choice(sent[-3:]), where)

    # --- the calls ----------------------------------------------------------------------

    def send(self, where: str = "") -> bool:
        """Whether it was acknowledged."""
        message_id, where = str(uuid.uuid4()), where or self.contact
        request = chat_pb2.SendMessageRequest(
            message_id=message_id, recipient=where, text=text_of(message_id)
        )

        def answered(response: Any) -> Call:
            return Send(message_id, self.name, response.message.sequence)

        known = self._call("SendMessage", request, Send(message_id, self.name), answered, where)
        if known:
            self._sent.setdefault(where, []).append(message_id)
        return known

    def mark(self, limit: int, where: str = "") -> bool:
        where = where or self.contact
        request = chat_pb2.MarkReadRequest(contact=where, limit=limit, request_id=str(uuid.uuid4()))

        def answered(response: Any) -> Call:
            return Mark(self.name, limit, response.marked)

        return self._call("MarkRead", request, Mark(self.name, limit), answered, where)

    def edit(self, message_id: str, where: str) -> bool:
        edit = f"{self.name} {len(self.history)}"
        request = chat_pb2.EditMessageRequest(
            message_id=message_id, text=edited_to(message_id, edit), request_id=str(uuid.uuid4())
        )

        def answered(response: Any) -> Call:
            return Edit(message_id, edit, response is not None)

        return self._call("EditMessage", request, Edit(message_id, edit), answered, where)

    def react(self, message_id: str, where: str) -> bool:
        emoji, on = self._random.choice(_EMOJI), self._random.random() < 0.7
        request = chat_pb2.ReactRequest(
            message_id=message_id, emoji=emoji, on=on, request_id=str(uuid.uuid4())
        )

        def answered(response: Any) -> Call:
            return React(message_id, self.name, emoji, on, response is not None)

        asked = React(message_id, self.name, emoji, on)
        return self._call("React", request, asked, answered, where)

    def unsend(self, message_id: str, where: str = "") -> bool:
        request = chat_pb2.DeleteUnreadMessageRequest(message_id=message_id)

        def answered(response: Any) -> Call:
            return Unsend(message_id, response is not None)

        asked = Unsend(message_id)
        return self._call("DeleteUnreadMessage", request, asked, answered, where or self.contact)

    def read(self, lines: int = _PAGE_LINES, where: str = "") -> bool:
        """The newest page; one without an answer tells nothing and is not noted."""
        where = where or self.contact
        request = chat_pb2.ReceiveMessagesRequest(contact=where, page_size=lines)

        def answered(response: Any) -> Call:
            page = _page(response)
            self._seen[where] = [line.id for line in page.lines]
            return page

        return self._call("ReceiveMessages", request, None, answered, where)

    def read_all(self, where: str = "") -> Page:
        """Page by page; only when nobody writes."""
        invoked, where = time.monotonic(), where or self.contact
        messages: list[chat_pb2.Message] = []
        request = chat_pb2.ReceiveMessagesRequest(contact=where, page_size=PAGE_SIZE_MAX)
        while True:
            answer = self._ask("ReceiveMessages", request)
            messages[:0] = answer.messages
            request.page_token = answer.next_page_token
            if not request.page_token:
                break
        assert [m.sequence for m in messages] == list(range(1, len(messages) + 1))
        page = Page(tuple(map(line_of, messages)), len(messages))
        self.history.append(Op(self._pair(where), page, invoked, time.monotonic()))
        return page

    def make_room(self, others: Sequence[str]) -> int:
        """The room of this one, with these in it; the position of its newest event."""
        making = chat_pb2.CreateRoomRequest(
            name=self.room, access=chat_pb2.ACCESS_OPEN, request_id=str(uuid.uuid4())
        )
        self._ask("CreateRoom", making)
        adding = chat_pb2.AddMembersRequest(
            name=self.room, usernames=others, request_id=str(uuid.uuid4())
        )
        return int(self._ask("AddMembers", adding).room.position)

    def _ask(self, method: str, request: Any) -> Any:
        """The same request again and again, so that it has its effect at most once."""
        give_up_at = time.monotonic() + self.within_s
        while True:
            try:
                return self._leaders.call(method, request, token_of(self.name), _ATTEMPT_S)
            except ClusterError as error:
                self.trouble = f"{method}: {error}"
                if time.monotonic() > give_up_at:
                    raise

    def _call(
        self,
        method: str,
        request: Any,
        asked: Call | None,
        answered: Callable[[Any], Call],
        where: str,
    ) -> bool:
        invoked, pair = time.monotonic(), self._pair(where)
        try:
            answer = self._ask(method, request)
        except (AlreadyRead, NoSuchMessage):
            answer = None
        except ClusterError:
            if asked is not None:
                self.history.append(Op(pair, asked, invoked, UNKNOWN))
            return False
        returned = time.monotonic()
        self.history.append(Op(pair, answered(answer), invoked, returned))
        leader = self._leaders.current
        if asked is not None and leader is not None:
            self.answers.append(Answer(returned, leader.server_id))
        return True


def _page(answer: chat_pb2.ReceiveMessagesResponse) -> Page:
    messages = answer.messages
    count = messages[-1].sequence if messages else 0
    sequences = [message.sequence for message in messages]
    assert sequences == list(range(count - len(messages) + 1, count + 1)), sequences
    return Page(tuple(map(line_of, messages)), count)


class Crowd:
    """Pairs of people who talk to each other until `finish`, and in a room with up to three others
    (`rooms`), as a context manager."""

    def __init__(
        self, servers: Servers, names: Sequence[str], rooms: bool = True, **options: Any
    ) -> None:
        """Names in the order first pair, second pair, …"""
        pairs = list(zip(names[::2], names[1::2], strict=True))
        self.people = [
            Person(servers, name, contact, **options)
            for first, second in pairs
            for name, contact in ((first, second), (second, first))
        ]
        self._groups = [names[at : at + _ROOM_OF] for at in range(0, len(names), _ROOM_OF)]
        in_room = {name: f"#{own[0]}" for own in self._groups for name in own if rooms}
        for person in self.people:
            person.room = in_room.get(person.name, "")
        self.followers = [Follower(servers, p.name, p.room) for p in self.people]
        self.pages: dict[Pair, tuple[str, str, Page]] = {}  # who read it last, where, and what

    def __enter__(self) -> Crowd:
        for person in self.people:
            if person.room == f"#{person.name}":
                position = person.make_room([p.name for p in self.people if p.room == person.room])
                for follower in self.followers:
                    if follower.room == person.room:
                        follower.positions[person.room] = position
        for follower in self.followers:
            follower.start()
        for person in self.people:
            person.start()
        return self

    def __exit__(self, *_: object) -> None:
        for person in self.people:
            person.close()
        for follower in self.followers:
            follower.close()

    def acknowledged(self) -> int:
        return sum(len(person.answers) for person in self.people)

    def wait_for_more(self, count: int = 20) -> None:
        """Until so many more writes of everybody together were acknowledged."""
        wanted = self.acknowledged() + count
        self._until(lambda: self.acknowledged() >= wanted, f"{count} writes")

    def wait_for_each(self, count: int = 1) -> None:
        """Until each one got so many more writes acknowledged."""
        wanted = [len(person.answers) + count for person in self.people]
        self._until(
            lambda: all(len(p.answers) >= n for p, n in zip(self.people, wanted, strict=True)),
            f"{count} writes of each person",
        )

    def _until(self, true: Callable[[], bool], what: str) -> None:
        """Ends as well when somebody met an error, which `finish` raises."""
        try:
            until(lambda: true() or any(person.failed for person in self.people), what)
        except AssertionError as error:
            lines = [f"{p.name} had {len(p.answers)} answers; {p.trouble}" for p in self.people]
            raise AssertionError("\n".join((str(error), *lines))) from error

    def next_success(self, person: Person, at: float, down: set[int]) -> float:
        """Seconds from `at` to the first answer that none of the servers in `down` gave."""
        later = (a.at for a in tuple(person.answers) if a.at > at and a.leader_id not in down)
        return min(later) - at

    def send_times(self, since: float) -> list[float]:
        """How long each send took that began after `since`; all of them were answered."""
        return [
            op.returned - op.invoked
            for person in self.people
            for op in tuple(person.history)
            if isinstance(op.call, Send) and op.invoked > since
        ]

    def finish(self) -> list[Op]:
        """Ends the talk, reads everything and checks all that anybody saw."""
        for person in self.people:
            person.stop()
        for person in self.people:
            for where in person.places:
                page = person.read_all(where)
                self.pages[person._pair(where)] = person.name, where, page
        ops = [op for person in self.people for op in person.history]
        problems = check(ops)
        for person, follower in zip(self.people, self.followers, strict=True):
            problems += _compare(follower, False, self.pages[person.pair][2])
            if person.room:
                problems += _compare(follower, True, self.pages[person.room,][2])
        assert not problems, "\n".join(problems)
        return ops


def _compare(follower: Follower, room: bool, page: Page) -> Iterable[str]:
    """The stream has brought everything that the page shows, and nothing else."""
    wanted = {line.id: in_room(line) if room else line for line in page.lines}

    def differences() -> list[str]:
        lines = follower.lines[room]
        had = {one: in_room(line) if room else line for one, line in lines.items()}
        return [
            f"{follower.name} had {had.get(one)} of {wanted.get(one)}"
            for one in {**wanted, **had}
            if had.get(one) != wanted.get(one)
        ]

    try:
        until(lambda: follower.failure or not differences(), "the stream has brought it all")
    except AssertionError as error:
        raise AssertionError("\n".join((str(error), *differences()[:5]))) from error
    if follower.failure is not None:
        yield repr(follower.failure)
