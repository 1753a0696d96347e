"""Which calls have a lane of their own, and that no method is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from unittest.mock import Mock

from grpc import aio

from chat.rpc import chat_pb2, chat_pb2_grpc, health_pb2, replication_pb2
from chat.server.lanes import OWN, Lanes

_METHODS = {
    f"/{service.full_name}/{method.name}"
    for module in (chat_pb2, replication_pb2, health_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


class _Server:
    """Remembers what it is given."""

    def __init__(self) -> None:
        self.handlers: list[Any] = []
        self.registered: set[str] = set()

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        self.handlers.extend(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        self.registered |= {f"/{service}/{name}" for name in handlers}


def test_lanes_of_their_own_are_those_of_methods_that_there_are() -> None:
    assert _METHODS >= OWN


def test_a_method_without_a_lane_of_its_own_is_served_all_the_same() -> None:
    server = _Server()
    lanes: Any = Lanes(cast(aio.Server, server))
    service: Any = Mock(spec=chat_pb2_grpc.ChatServiceServicer)
    chat_pb2_grpc.add_ChatServiceServicer_to_server(service, lanes)
    assert server.registered == {"/chat.v1.ChatService/SendMessage"}
    chat = {one for one in _METHODS if one.startswith("/chat.v1.ChatService/")}
    (handler,) = server.handlers
    assert all(handler.service(Mock(method=one)) is not None for one in chat)
