"""People who talk to a cluster as a client does: calls that retry, streams that go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import grpc

from chat import wire
from chat.rpc import chat_pb2 as pb
from chat.rpc.chat_pb2_grpc import ChatServiceStub

if TYPE_CHECKING:
    from tests.cluster import Cluster

_T = TypeVar("_T")
Metadata = tuple[tuple[str, str | bytes], ...]

DEADLINE_S = 30.0
PASSWORD = "correct horse"
_CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    # How long an attempt may take, which on a busy machine is long.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)


def wait_until(
    condition: Callable[[], _T],
    what: str | Callable[[], str] = "",
    deadline_s: float = DEADLINE_S,
) -> _T:
    """The condition's value once it is true; the test fails when the deadline passes. `what`
    may be told then: how things stand at the end."""
    end = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() >= end:
            told = what() if callable(what) else what
            raise AssertionError(f"waited {deadline_s:.0f} s for: {told or condition}")
        time.sleep(0.01)
    return value


def reason(error: grpc.RpcError) -> str:
    """The stable name of a failed call's error, or its status code when it is none of ours."""
    known = wire.error_from_rpc(error)
    return known.reason if known else error.code().name


class Client:
    """As simple as a client can be: it asks who leads, and repeats a call with the same id
    where a server went away or does not lead."""

    def __init__(self, cluster: Cluster, name: str, password: str = PASSWORD) -> None:
        self.name = name
        self.password = password
        self.token = ""
        self._cluster = cluster
        self._channels: dict[int, grpc.Channel] = {}
        self._streams: list[Stream] = []
        self._leader = 0

    # -- calls --

    def channel(self, server_id: int) -> grpc.Channel:
        if server_id not in self._channels:
            address = str(self._cluster.config.servers[server_id])
            self._channels[server_id] = grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)
        return self._channels[server_id]

    def stub(self, server_id: int = 0) -> Any:
        """The calls of one server; of the leader for 0."""
        return ChatServiceStub(self.channel(server_id or self._cluster.leader()))

    def bare(self, path: str, server_id: int = 1) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
        """A method by its path, which is called with bytes and answers with some."""
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes]
        call = self.channel(server_id).unary_unary(path)
        return call

    def metadata(self) -> Metadata:
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def once(self, method: str, request: Any, server_id: int = 0) -> Any:
        """One try at one server (0 = the leader); raises grpc.RpcError."""
        call = getattr(self.stub(server_id), method)
        return call(request, metadata=self.metadata(), timeout=DEADLINE_S)

    def call(self, method: str, request: Any) -> Any:
        """The answer of whoever leads, or the ChatError that is the caller's own fault."""
        end = time.monotonic() + DEADLINE_S
        while True:
            leader = self._find_leader()
            try:
                call = getattr(self.stub(leader), method)
                return call(request, metadata=self.metadata(), timeout=5)
            except grpc.RpcError as error:
                if not may_retry(error):
                    raise wire.error_from_rpc(error) or error from None
                if time.monotonic() > end:
                    raise AssertionError(self._cluster.picture()) from error
            self._leader = 0
            time.sleep(0.01)

    def _find_leader(self) -> int:
        """The last one, or the next that says it leads; waits for one."""
        self._leader = self._leader or wait_until(self._ask_for_leader, "a server that leads")
        return self._leader

    def _ask_for_leader(self) -> int:
        """Of those who say that they lead the one in the newest view: an older one was left
        behind and does not know it yet."""
        claims = []
        for server_id in self._cluster.ids:
            with suppress(grpc.RpcError):
                info = self.stub(server_id).GetLeaderInfo(pb.GetLeaderInfoRequest(), timeout=5)
                if info.leader_id == server_id:
                    claims.append((info.view, server_id))
        return max(claims)[1] if claims else 0

    # -- what a person does --

    def register(self) -> None:
        self.call(
            "Register",
            pb.RegisterRequest(username=self.name, password=self.password, request_id=str(uuid4())),
        )

    def login(self, device_name: str = "") -> pb.LoginResponse:
        request = pb.LoginRequest(
            username=self.name, password=self.password, device_name=device_name
        )
        response: pb.LoginResponse = self.call("Login", request)
        self.token = response.token
        return response

    def again(self) -> Client:
        """The same person at another device, signed in anew."""
        other = self._cluster.client()
        other.name, other.password = self.name, self.password
        other.login()
        return other

    def send(
        self, recipient: str, text: str, message_id: str = "", in_reply_to: str = ""
    ) -> pb.Message:
        request = pb.SendMessageRequest(
            message_id=message_id or str(uuid4()),
            recipient=recipient,
            text=text,
            in_reply_to=in_reply_to,
        )
        response: pb.SendMessageResponse = self.call("SendMessage", request)
        return response.message

    def read(self, contact: str, limit: int = 0) -> int:
        request = pb.MarkReadRequest(contact=contact, limit=limit, request_id=str(uuid4()))
        response: pb.MarkReadResponse = self.call("MarkRead", request)
        return response.marked

    def unsend(self, message_id: str) -> pb.Message:
        request = pb.DeleteUnreadMessageRequest(message_id=message_id)
        response: pb.DeleteUnreadMessageResponse = self.call("DeleteUnreadMessage", request)
        return response.message

    def edit(self, message_id: str, text: str, request_id: str = "") -> pb.Message:
        request = pb.EditMessageRequest(
            message_id=message_id, text=text, request_id=request_id or str(uuid4())
        )
        response: pb.EditMessageResponse = self.call("EditMessage", request)
        return response.message

    def react(
        self, message_id: str, emoji: str, on: bool = True, request_id: str = ""
    ) -> pb.Message:
        request = pb.ReactRequest(
            message_id=message_id, emoji=emoji, on=on, request_id=request_id or str(uuid4())
        )
        response: pb.ReactResponse = self.call("React", request)
        return response.message

    def mute(self, contact: str, muted: bool = True) -> None:
        request = pb.MuteConversationRequest(contact=contact, muted=muted, request_id=str(uuid4()))
        self.call("MuteConversation", request)

    def type_in(self, contact: str) -> None:
        self.call("SetTyping", pb.SetTypingRequest(contact=contact))

    def conversations(self) -> pb.ListConversationsResponse:
        response: pb.ListConversationsResponse = self.call(
            "ListConversations", pb.ListConversationsRequest(page_size=200)
        )
        return response

    def history(self, contact: str) -> list[pb.Message]:
        """Every message with `contact`, oldest first."""
        found: list[pb.Message] = []
        token = ""
        while True:
            request = pb.ReceiveMessagesRequest(contact=contact, page_size=200, page_token=token)
            page: pb.ReceiveMessagesResponse = self.call("ReceiveMessages", request)
            found = [*page.messages, *found]
            token = page.next_page_token
            if not token:
                return found

    def texts(self, contact: str) -> list[str]:
        return [message.text for message in self.history(contact)]

    # -- rooms --

    def create_room(self, name: str, access: Any = pb.ACCESS_OPEN, topic: str = "") -> pb.Room:
        request = pb.CreateRoomRequest(
            name=name, topic=topic, access=access, request_id=str(uuid4())
        )
        response: pb.CreateRoomResponse = self.call("CreateRoom", request)
        return response.room

    def join_room(self, name: str) -> pb.Room:
        request = pb.JoinRoomRequest(name=name, request_id=str(uuid4()))
        response: pb.JoinRoomResponse = self.call("JoinRoom", request)
        return response.room

    def add_members(self, name: str, *usernames: str) -> pb.Room:
        request = pb.AddMembersRequest(name=name, usernames=usernames, request_id=str(uuid4()))
        response: pb.AddMembersResponse = self.call("AddMembers", request)
        return response.room

    def remove_member(self, name: str, username: str) -> None:
        """Oneself: to leave."""
        request = pb.RemoveMemberRequest(name=name, username=username, request_id=str(uuid4()))
        self.call("RemoveMember", request)

    # -- the live stream --

    def subscribe(
        self, after: int = 0, server_id: int = 0, positions: Mapping[str, int] | None = None
    ) -> Stream:
        """One stream; it ends where the server ends it. With `positions`, also of rooms."""
        stream = Stream(self, after, server_id, follow=False, positions=positions)
        self._streams.append(stream)
        return stream.start()

    def follow(self, after: int = 0, positions: Mapping[str, int] | None = None) -> Stream:
        """A stream that goes on, after the last cursor seen, at whoever leads."""
        stream = Stream(self, after, 0, follow=True, positions=positions)
        self._streams.append(stream)
        return stream.start()

    def close(self) -> None:
        for stream in self._streams:
            stream.cancel()
        for channel in self._channels.values():
            channel.close()


def may_retry(error: grpc.RpcError) -> bool:
    """Whether the cluster, not the caller, is why the call failed."""
    known = wire.error_from_rpc(error)
    if known is not None:
        return known.reason in ("NOT_LEADER", "NO_QUORUM", "BUSY", "SLOW_CONSUMER")
    return error.code() in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    )


class Stream:
    """A live stream and the thread that collects its events; heartbeats are counted."""

    def __init__(
        self,
        client: Client,
        after: int,
        server_id: int,
        follow: bool,
        positions: Mapping[str, int] | None = None,
    ) -> None:
        self._client = client
        self._server_id = server_id
        self._follow = follow
        self._changed = threading.Condition()
        self._call: Any = None
        self._cancelled = False
        self.cursor = after
        self.with_rooms = positions is not None
        self.positions = dict(positions or {})  # of each room, of the last event
        self.events: list[pb.Event] = []
        self.heartbeats = 0
        self.opened = 0  # how often the stream has begun
        self.error: grpc.RpcError | None = None
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)

    def start(self) -> Stream:
        """Returns once the server has answered, be it with an error."""
        self._thread.start()
        self.wait_for(lambda: self.heartbeats or self.error, "the stream's first event")
        return self

    def wait_for(self, condition: Callable[[], _T], what: str = "") -> _T:
        with self._changed:
            done = self._changed.wait_for(condition, DEADLINE_S)
            assert done, f"waited for {what or condition}; got {self.events}, {self.error}"
            return done

    def wait_for_texts(self, *texts: str) -> None:
        self.wait_for(lambda: self.texts() == list(texts) or len(self.texts()) > len(texts))
        assert self.texts() == list(texts)

    def of(self, kind: str) -> list[Any]:
        """What came of one kind ("message", "read", "deleted", …), in order."""
        return [getattr(e, kind) for e in list(self.events) if e.WhichOneof("kind") == kind]

    def texts(self, room: str = "") -> list[str]:
        """Of messages between two people, or in a room."""
        own = [event for event in list(self.events) if event.room == room]
        return [event.message.text for event in own if event.WhichOneof("kind") == "message"]

    def in_room(self, room: str) -> list[tuple[str, int]]:
        """Kind and position of what came of a room."""
        own = [event for event in list(self.events) if event.room == room]
        return [(event.WhichOneof("kind") or "", event.position) for event in own]

    def cursors(self) -> list[int]:
        """Of the events that count; without a gap or a double they go up by one."""
        kinds = ((e, e.WhichOneof("kind")) for e in list(self.events))
        momentary = ("presence", "typing", "readers")
        counted = [e for e, kind in kinds if kind not in momentary and not e.room]
        return [event.cursor for event in counted]

    def ended(self) -> str:
        """The reason why the stream ended, once it has."""
        self.wait_for(lambda: self.error, "the end of the stream")
        assert self.error is not None
        return reason(self.error)

    def cancel(self) -> None:
        self._cancelled = True
        if self._call is not None:
            self._call.cancel()
        self._thread.join(DEADLINE_S)

    def _run(self) -> None:
        while not self._cancelled:
            try:
                for event in self._open():
                    self._take(event)
                return
            except grpc.RpcError as error:
                if not (self._follow and may_retry(error)):
                    with self._changed:
                        self.error = error
                        self._changed.notify_all()
                    return
                self._client._leader = 0
                time.sleep(0.01)
            except AssertionError:
                if not self._cancelled:
                    raise

    def _open(self) -> Iterator[pb.Event]:
        client = self._client
        server_id = self._server_id or client._find_leader()
        stub = ChatServiceStub(client.channel(server_id))
        positions = [pb.RoomPosition(room=r, position=p) for r, p in self.positions.items()]
        request = pb.SubscribeRequest(
            after=self.cursor,
            rooms=self.with_rooms,
            positions=positions,
            changes=True,
            bundles=True,
        )
        self._call = stub.Subscribe(request, metadata=client.metadata())
        if self._cancelled:
            self._call.cancel()
        self.opened += 1
        return wire.each_event(self._call)

    def _take_of_room(self, event: pb.Event) -> None:
        """Each follows the one before it, on whatever stream that was."""
        kind = event.WhichOneof("kind")
        self.events.append(event)
        if kind == "room_ends":
            self.positions.pop(event.room, None)
            return
        if kind != "room_begins":
            assert self.positions[event.room] == event.position - 1, (self.positions, event)
        self.positions[event.room] = event.position

    def _take(self, event: pb.Event) -> None:
        with self._changed:
            if event.WhichOneof("kind") == "heartbeat":
                self.heartbeats += 1
                self.cursor = self.cursor or event.cursor
            elif event.room:
                self._take_of_room(event)
            else:
                self.cursor = max(self.cursor, event.cursor)
                self.events.append(event)
            self._changed.notify_all()
