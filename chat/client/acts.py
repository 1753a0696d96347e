"""What a person does with messages, and waits in the outbox until servers have it: each act, with
the call that it becomes and the words for it.

Pure but for the requests of protobuf.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from chat.rpc import chat_pb2


class Act(Enum):
    """The outbox's file has them by these values."""

    SEND = "send"
    EDIT = "edit"
    REACT = "react"
    UNREACT = "unreact"


@dataclass(frozen=True, slots=True)
class Queued:
    """A message, or a change of one. `queued_at` is seconds since 1970; `failure` is empty while it
    waits. `about` is the id of the message that it answers (may be empty), or changes; then `id`
    is that of the request. A reaction's `text` is its emoji."""

    id: str
    owner: str
    address: str
    text: str
    queued_at: float
    failure: str = ""
    act: Act = Act.SEND
    about: str = ""


@dataclass(frozen=True, slots=True)
class ActForm:
    """How an act is done and told of. `request` is what the `method` of the API is called with; its
    answer has the message. `listed` stands before an address, in the list of what waits; `waits`
    and `refused` below the message, with the `{text}`. `lost` ends a sentence that says that the
    other one has deleted their account. Of a message that was refused itself an act that `amends`
    is the new text: that one waits again."""

    method: str
    request: Callable[[Queued], Any]
    listed: str
    lost: str
    waits: str = ""
    refused: str = ""
    amends: bool = False


def _send(queued: Queued) -> chat_pb2.SendMessageRequest:
    return chat_pb2.SendMessageRequest(
        message_id=queued.id,
        recipient=queued.address,
        text=queued.text,
        in_reply_to=queued.about,
    )


def _edit(queued: Queued) -> chat_pb2.EditMessageRequest:
    return chat_pb2.EditMessageRequest(
        message_id=queued.about, text=queued.text, request_id=queued.id
    )


def _react(queued: Queued) -> chat_pb2.ReactRequest:
    return chat_pb2.ReactRequest(
        message_id=queued.about,
        emoji=queued.text,
        on=queued.act is Act.REACT,
        request_id=queued.id,
    )


FORMS: Final[dict[Act, ActForm]] = {
    Act.SEND: ActForm("SendMessage", _send, "To", "the message was not sent"),
    Act.EDIT: ActForm(
        "EditMessage",
        _edit,
        "Another text in",
        "the message stays as it was",
        "new text waits: {text}",
        "not changed",
        amends=True,
    ),
    Act.REACT: ActForm(
        "React",
        _react,
        "A reaction in",
        "the reaction was not sent",
        "{text} waits",
        "{text} not added",
    ),
    Act.UNREACT: ActForm(
        "React",
        _react,
        "A reaction to be taken away in",
        "the reaction stays",
        "{text} to be taken away",
        "{text} not taken away",
    ),
}
