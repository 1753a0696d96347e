"""A small ChatService in memory: servers that share one state, so that a test can move the lead."""

from __future__ import annotations

import queue
import threading
from concurrent import futures
from typing import Any, NoReturn

import grpc

from chat.core import errors
from chat.rpc import chat_pb2 as pb
from chat.rpc.chat_pb2_grpc import ChatServiceServicer, add_ChatServiceServicer_to_server
from chat.wire import STATUS_DETAILS_KEY, error_code, error_details


def refuse(context: grpc.ServicerContext, error: errors.ChatError) -> NoReturn:
    context.set_trailing_metadata(((STATUS_DETAILS_KEY, error_details(error)),))
    context.abort(error_code(error), error.message)
    raise AssertionError("abort raises")


class State:
    """Tokens are user names; every user has a numbered sequence of events."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.leader_id, self.view = 1, 1
        self.addresses: dict[int, str] = {}
        self.messages: dict[str, pb.Message] = {}
        self.events: dict[str, list[pb.Event]] = {}
        self.streams: list[tuple[str, queue.SimpleQueue[pb.Event | None]]] = []
        self.attempts: list[str] = []
        self.frozen = 0  # this server takes sends and reads and answers none
        self.thawed = threading.Event()
        self.drop_sends = 0  # so many do not even take effect
        self.drop_answers = 0  # so many sends take effect but are answered UNAVAILABLE
        self.deleted: set[str] = set()
        self.ended: set[str] = set()
        self.expired = False

    def publish(self, user: str, **kind: Any) -> None:
        log = self.events.setdefault(user, [])
        log.append(pb.Event(cursor=len(log) + 1, **kind))
        for name, stream in self.streams:
            if name == user:
                stream.put(log[-1])

    def post(self, message_id: str, sender: str, recipient: str, text: str) -> pb.Message:
        with self.lock:
            if message_id not in self.messages:
                number = len(self.messages) + 1
                message = pb.Message(
                    id=message_id,
                    sender=sender,
                    recipient=recipient,
                    text=text,
                    status=pb.STATUS_UNREAD,
                    sequence=number,
                )
                message.sent_at.FromSeconds(1_000_000 + number)
                self.messages[message_id] = message
                for user in {sender, recipient}:
                    self.publish(user, message=message)
            return self.messages[message_id]

    def end_streams(self) -> None:
        with self.lock:
            for _, stream in self.streams:
                stream.put(None)


class Service(ChatServiceServicer):
    def __init__(self, state: State, server_id: int) -> None:
        self.state, self.server_id = state, server_id

    def user(self, context: grpc.ServicerContext) -> str:
        state = self.state
        if state.leader_id != self.server_id:
            address = state.addresses.get(state.leader_id, "")
            refuse(context, errors.NotLeader("Another leads.", state.leader_id, address))
        name = str(dict(context.invocation_metadata()).get("authorization", ""))[7:]
        if name in state.ended:
            refuse(context, errors.SessionEnded("Ended."))
        return name

    def GetLeaderInfo(self, request: Any, context: Any) -> pb.GetLeaderInfoResponse:
        state = self.state
        servers = [
            pb.ServerInfo(server_id=number, address=address, role=pb.SERVER_ROLE_BACKUP)
            for number, address in state.addresses.items()
        ]
        return pb.GetLeaderInfoResponse(
            leader_id=state.leader_id,
            leader_address=state.addresses.get(state.leader_id, ""),
            view=state.view,
            quorum_available=state.leader_id > 0,
            servers=servers,
        )

    def CheckVersion(self, request: Any, context: Any) -> pb.CheckVersionResponse:
        return pb.CheckVersionResponse(compatible=True)

    def Login(self, request: Any, context: Any) -> pb.LoginResponse:
        if request.password != "right password":
            refuse(context, errors.BadCredentials("No."))
        answer = pb.LoginResponse(token=request.username, username=request.username)
        answer.expires_at.FromSeconds(4_000_000_000)
        return answer

    def ListConversations(self, request: Any, context: Any) -> pb.ListConversationsResponse:
        me = self.user(context)
        with self.state.lock:
            newest: dict[str, pb.Message] = {}
            unread: dict[str, int] = {}
            for message in self.state.messages.values():
                other = message.recipient if message.sender == me else message.sender
                if me in (message.sender, message.recipient):
                    newest[other] = message
                    unread[other] = unread.get(other, 0) + (message.recipient == me)
            items = [
                pb.Conversation(contact=name, last_message=message, unread_count=unread[name])
                for name, message in newest.items()
            ]
            cursor = len(self.state.events.get(me, ()))
            return pb.ListConversationsResponse(conversations=items, cursor=cursor)

    def ReceiveMessages(self, request: Any, context: Any) -> pb.ReceiveMessagesResponse:
        me = self.user(context)
        if self.state.frozen == self.server_id:
            self.state.attempts.append(request.contact)
            self.state.thawed.wait(60)
        pair = {me, request.contact}
        with self.state.lock:
            every = [m for m in self.state.messages.values() if {m.sender, m.recipient} == pair]
        return pb.ReceiveMessagesResponse(messages=every)

    def SendMessage(self, request: Any, context: Any) -> pb.SendMessageResponse:
        me, state = self.user(context), self.state
        if state.frozen == self.server_id:
            state.attempts.append(request.message_id)
            state.thawed.wait(60)
        if request.recipient in state.deleted:
            refuse(context, errors.RecipientDeleted("Gone."))
        with state.lock:
            state.attempts.append(request.message_id)
            if state.drop_sends > 0:
                state.drop_sends -= 1
                context.abort(grpc.StatusCode.UNAVAILABLE, "the call was lost")
            message = state.post(request.message_id, me, request.recipient, request.text)
            drop = state.drop_answers > 0
            state.drop_answers -= drop
        if drop:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the answer was lost")
        return pb.SendMessageResponse(message=message)

    def DeleteUnreadMessage(self, request: Any, context: Any) -> pb.DeleteUnreadMessageResponse:
        self.user(context)
        with self.state.lock:
            message = self.state.messages.get(request.message_id)
            if message is None:
                refuse(context, errors.NoSuchMessage("No."))
            message.status = pb.STATUS_DELETED
            message.text = ""
            for user in {message.sender, message.recipient}:
                self.state.publish(user, deleted=message)
        return pb.DeleteUnreadMessageResponse(message=message)

    def Subscribe(self, request: Any, context: Any) -> Any:
        me, state = self.user(context), self.state
        stream: queue.SimpleQueue[pb.Event | None] = queue.SimpleQueue()
        with state.lock:
            if state.expired:
                state.expired = False
                refuse(context, errors.CursorExpired("Too old."))
            missed = state.events.get(me, [])[request.after :] if request.after else []
            state.streams.append((me, stream))
            cursor = request.after or len(state.events.get(me, []))
        context.add_callback(lambda: stream.put(None))
        yield pb.Event(cursor=cursor, heartbeat=pb.Heartbeat())
        yield from missed
        while (event := stream.get()) is not None:
            yield event


class FakeCluster:
    def __init__(self, servers: int = 2) -> None:
        self.state = State()
        self.servers: dict[int, grpc.Server] = {}
        for number in range(1, servers + 1):
            server = grpc.server(futures.ThreadPoolExecutor(16))
            service = Service(self.state, number)  # type: ignore[abstract]  # the rest is not called
            add_ChatServiceServicer_to_server(service, server)
            port = server.add_insecure_port("127.0.0.1:0")
            self.state.addresses[number] = f"127.0.0.1:{port}"
            self.servers[number] = server
            server.start()

    @property
    def addresses(self) -> list[str]:
        return list(self.state.addresses.values())

    def kill(self, number: int) -> None:
        self.servers.pop(number).stop(0).wait()

    def lead(self, number: int) -> None:
        self.state.leader_id = number
        self.state.view += 1

    def close(self) -> None:
        self.state.thawed.set()
        self.state.end_streams()
        for server in self.servers.values():
            server.stop(0).wait()
