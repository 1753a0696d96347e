"""The services that others know: the standard health check, and reflection."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from tests.cluster import Cluster, wait_until


def health(cluster: Cluster, server_id: int, service: str) -> int:
    stub = health_pb2_grpc.HealthStub(cluster.client().channel(server_id))
    request = health_pb2.HealthCheckRequest(service=service)
    return int(stub.Check(request, timeout=10).status)


def test_the_standard_health_service_tells_who_leads(cluster: Cluster) -> None:
    serving, not_serving = (
        health_pb2.HealthCheckResponse.SERVING,
        health_pb2.HealthCheckResponse.NOT_SERVING,
    )
    assert [health(cluster, each, "") for each in cluster.ids] == [serving] * 3
    leading = [health(cluster, each, "chat.leader") for each in cluster.ids]
    assert leading == [serving, not_serving, not_serving]
    people = [health(cluster, each, "chat.v1.ChatService") for each in cluster.ids]
    assert people == leading
    for service in ("chat.v1.ReplicationService", "chat.v1.HealthService"):
        assert [health(cluster, each, service) for each in cluster.ids] == [serving] * 3
    with pytest.raises(grpc.RpcError) as caught:
        health(cluster, 1, "chat.unknown")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    cluster.kill(1)
    wait_until(lambda: health(cluster, 2, "chat.leader") == serving)


def test_reflection_tells_every_service(cluster: Cluster) -> None:
    database = ProtoReflectionDescriptorDatabase(cluster.client().channel(1))
    assert set(database.get_services()) == {
        "chat.admin.v1.AdminService",
        "chat.v1.ChatService",
        "chat.v1.HealthService",
        "chat.v1.ReplicationService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    file = database.FindFileContainingSymbol("chat.v1.ChatService")
    assert [service.name for service in file.service] == ["ChatService"]
