"""Single calls to a server of one's choice, and what must become of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from chat.client.leaders import metadata_of
from chat.core.errors import ChatError
from chat.rpc import chat_pb2
from chat.wire import error_from_rpc
from tests.faults.processes import DEADLINE_S, Servers
from tests.faults.seed import HOST, SINK, token_of

# Not one of those whose conversations are checked.
CALLER = metadata_of(token_of(SINK))


def error_of(answer: Callable[[], object]) -> ChatError:
    """How a call ends that must not succeed."""
    with pytest.raises(grpc.RpcError) as failure:
        answer()
    error = error_from_rpc(failure.value)
    assert error is not None, failure.value
    return error


def begin_write(servers: Servers, server_id: int) -> Any:
    request = chat_pb2.SendMessageRequest(
        message_id=str(uuid.uuid4()), recipient=HOST, text="Is anybody there?"
    )
    return servers.stub(server_id).SendMessage.future(request, timeout=DEADLINE_S, metadata=CALLER)


def begin_read(servers: Servers, server_id: int) -> Any:
    request = chat_pb2.ReceiveMessagesRequest(contact=HOST)
    return servers.stub(server_id).ReceiveMessages.future(
        request, timeout=DEADLINE_S, metadata=CALLER
    )
