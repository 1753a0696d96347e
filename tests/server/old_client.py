"""A client of another version, by its own protobuf schema: what it says and understands."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import DESCRIPTOR as TIMESTAMP

from tests.cluster import PASSWORD


def service_of(schema: Path) -> Any:
    pool = DescriptorPool()
    pool.AddSerializedFile(TIMESTAMP.serialized_pb)
    file = FileDescriptorProto.FromString(schema.read_bytes())
    pool.Add(file)
    return pool.FindFileByName(file.name).services_by_name["ChatService"]


class OldClient:
    """`understood` looks at each answer."""

    def __init__(
        self, channel: grpc.Channel, service: Any, understood: Any = lambda _: None
    ) -> None:
        self._channel = channel
        self._service = service
        self._understood = understood
        self.metadata: tuple[tuple[str, str], ...] = ()

    def call(self, name: str, **fields: Any) -> Any:
        method = self._service.methods_by_name[name]
        streams = method.server_streaming
        make = self._channel.unary_stream if streams else self._channel.unary_unary
        request = GetMessageClass(method.input_type)(**fields)
        send: Any = make(
            f"/chat.v1.ChatService/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=partial(self._read, GetMessageClass(method.output_type)),
        )
        return send(request, metadata=self.metadata, timeout=10)

    def sign_in(self, name: str) -> None:
        answer = self.call("Login", username=name, password=PASSWORD, device_name="old")
        self.metadata = (("authorization", f"Bearer {answer.token}"),)

    def _read(self, kind: Any, data: bytes) -> Any:
        message = kind.FromString(data)
        self._understood(message)
        return message
