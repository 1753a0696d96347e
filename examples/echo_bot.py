"""A bot that says again what people write to it: python examples/echo_bot.py NAME

It needs `chat` to be installed, or the clone's folder in PYTHONPATH. Its password is in
CHAT_PASSWORD, or asked for. It answers each message exactly once, whatever dies meanwhile, it
itself included: the id of an answer follows from the id of what it answers, and the file STATE says
up to which event it has come.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc

from chat.client.files import write_atomically
from chat.client.leaders import Leaders, error_of, metadata_of
from chat.client.servers import server_addresses, trust_for
from chat.config import ConfigError
from chat.core.errors import BadCredentials, ChatError, ClusterError, CursorExpired, SessionEnded
from chat.rpc import chat_pb2 as pb

ANSWERS = uuid.UUID("0b1c65fc-93f8-4a3a-8f0f-a4f76d3b8d24")  # ids are made from it
PATIENCE_S = 60.0
SILENCE_S = 5.0  # a server says something each second


class EchoBot:
    def __init__(self, leaders: Leaders, state: Path, name: str, password: str) -> None:
        self._leaders, self._state = leaders, state
        self._name, self._password = name, password
        try:
            known = json.loads(state.read_text(encoding="utf-8"))
        except FileNotFoundError:
            known = {}
        self._token: str = known.get("token", "")
        self._cursor: int = known.get("cursor", 0)

    def run(self) -> None:
        while True:
            try:
                if not self._token:
                    self._sign_in()
                for event in self._events():
                    if not self._cursor:  # the first one says where now is
                        self._answer_what_waits()
                    self._take(event)
            except SessionEnded:
                self._token = ""
            except CursorExpired:
                self._cursor = 0
            except ClusterError as error:  # the leader died, or there is none: look again
                print(f"{error.message} Trying again.", file=sys.stderr, flush=True)
                time.sleep(0.5)

    def _call(self, method: str, request: Any) -> Any:
        """At the leader, wherever that goes. Every request here is safe to repeat."""
        return self._leaders.call(method, request, self._token, PATIENCE_S)

    def _sign_in(self) -> None:
        request = pb.LoginRequest(
            username=self._name, password=self._password, device_name="echo bot"
        )
        try:
            answer = self._call("Login", request)
        except BadCredentials:  # for an unknown name and a wrong password alike
            account = pb.RegisterRequest(
                username=self._name, password=self._password, request_id=str(uuid.uuid4())
            )
            self._call("Register", account)
            answer = self._call("Login", request)
        self._name, self._token = answer.username, answer.token
        self._keep()

    def _answer_what_waits(self) -> None:
        """What came while nobody listened, or too long ago to be told as events."""
        page_token, more = "", True
        while more:
            request = pb.ListConversationsRequest(page_token=page_token)
            page = self._call("ListConversations", request)
            for conversation in page.conversations:
                if conversation.unread_count:
                    self._answer_unread(conversation.contact)
            page_token = page.next_page_token
            more = bool(page_token)

    def _answer_unread(self, contact: str) -> None:
        unread: list[Any] = []
        page_token, more = "", True
        while more:
            request = pb.ReceiveMessagesRequest(contact=contact, page_token=page_token)
            page = self._call("ReceiveMessages", request)
            found = [
                each for each in page.messages
                if each.sender == contact and each.status == pb.STATUS_UNREAD
            ]  # fmt: skip
            unread = found + unread
            page_token = page.next_page_token
            more = bool(page_token and found)
        for message in unread:
            self._answer(message)

    def _events(self) -> Iterator[Any]:
        """What follows the cursor, then what comes. Raises ChatError."""
        leader = self._leaders.find().leader
        if leader is None:
            raise ClusterError("No server leads.")
        stub = self._leaders.stub(leader.address)
        request = pb.SubscribeRequest(after=self._cursor)
        stream = stub.Subscribe(request, metadata=metadata_of(self._token))
        watch = threading.Timer(SILENCE_S, stream.cancel)
        watch.start()
        try:
            for event in stream:
                watch.cancel()
                yield event
                watch = threading.Timer(SILENCE_S, stream.cancel)
                watch.start()
        except grpc.RpcError as error:
            self._leaders.forget(leader)
            raise error_of(error) from error
        finally:
            watch.cancel()
            stream.cancel()

    def _take(self, event: Any) -> None:
        if event.WhichOneof("kind") == "message" and event.message.sender != self._name:
            self._answer(event.message)
        if event.cursor > self._cursor:
            self._cursor = event.cursor
            self._keep()

    def _answer(self, message: Any) -> None:
        """Once more has no effect: the same id is the same message."""
        answer = pb.SendMessageRequest(
            message_id=str(uuid.uuid5(ANSWERS, message.id)),
            recipient=message.sender, text=message.text, in_reply_to=message.id,
        )  # fmt: skip
        try:
            self._call("SendMessage", answer)
            self._call("MarkRead", pb.MarkReadRequest(contact=message.sender))
        except (ClusterError, SessionEnded):
            raise
        except ChatError as error:  # such as an account that was deleted meanwhile
            print(f"{message.sender}: {error.message}", file=sys.stderr, flush=True)

    def _keep(self) -> None:
        kept = {"token": self._token, "cursor": self._cursor}
        write_atomically(self._state, json.dumps(kept).encode())


def main() -> int:
    parser = argparse.ArgumentParser(description="A bot that says again what it is told.")
    parser.add_argument("name")
    parser.add_argument("--config", type=Path, metavar="FILE", help="where the servers are")
    parser.add_argument("--servers", metavar="HOST:PORT,...", help="instead of a configuration")
    parser.add_argument("--certificate", type=Path, metavar="FILE")
    parser.add_argument("--state", type=Path, default=Path("echo_bot.json"), metavar="FILE")
    options = parser.parse_args()
    try:
        servers = server_addresses(options.servers, (), options.config)
        trust = trust_for(servers, options.certificate, options.config)
    except ConfigError as error:
        parser.error(str(error))
    password = os.environ.get("CHAT_PASSWORD") or getpass.getpass(f"Password of {options.name}: ")
    leaders = Leaders(servers, lambda _: None, trust)
    try:
        EchoBot(leaders, options.state, options.name, password).run()
    except ChatError as error:
        print(f"echo_bot: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        leaders.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
