"""Every method of every service of the product, from the descriptors."""

from __future__ import annotations

from google.protobuf.descriptor import MethodDescriptor

from chat.rpc import admin_pb2, chat_pb2, health_pb2, replication_pb2


def methods() -> dict[str, MethodDescriptor]:
    """By its path: "/chat.v1.ChatService/Login"."""
    return {
        f"/{service.full_name}/{method.name}": method
        for module in (admin_pb2, chat_pb2, health_pb2, replication_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
