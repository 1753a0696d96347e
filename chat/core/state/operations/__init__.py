"""The replicated writes, each a module of its own: fields, rule and events.

An operation is a frozen dataclass of texts and whole numbers with three things that every
store and every shell asks of it: `at`, its time (milliseconds since 1970); `author`, whose it is
(a user's name, or where only the session is known, what is kept of its token); and `apply`, its
rule: the outcome over the tables, or a ChatError raised before anything is changed. Times and
ids are chosen by the leader (or the client) and are part of it, so that to apply it comes to
the same on every server. What is not listed here does not pass the type check, or a test.
"""

from __future__ import annotations

from typing import Final, Union, get_args

from chat.core.state.model import Event, MessagePosted
from chat.core.state.operations.add_members import AddMembers, MembersAdded
from chat.core.state.operations.announce import Announce, AnnouncementMade
from chat.core.state.operations.create_room import CreateRoom, RoomMade
from chat.core.state.operations.disable_account import DisableAccount
from chat.core.state.operations.edit_message import EditMessage, MessageEdited
from chat.core.state.operations.enable_account import EnableAccount
from chat.core.state.operations.end_session import EndSession
from chat.core.state.operations.end_sessions import EndSessions
from chat.core.state.operations.expel_account import ExpelAccount
from chat.core.state.operations.make_invite import MakeInvite
from chat.core.state.operations.mute_conversation import ConversationMuted, MuteConversation
from chat.core.state.operations.open_session import OpenSession
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.react_to_message import MessageReacted, ReactToMessage
from chat.core.state.operations.read_messages import MessagesRead, ReadMessages
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.remove_account import AccountRemoved, RemoveAccount
from chat.core.state.operations.remove_member import MemberRemoved, RemoveMember
from chat.core.state.operations.reset_password import ResetPassword
from chat.core.state.operations.revoke_invite import RevokeInvite
from chat.core.state.operations.set_password import SetPassword
from chat.core.state.operations.unsend_message import MessageUnsent, UnsendMessage
from chat.core.state.operations.update_room import RoomUpdated, UpdateRoom

__all__ = [
    "EVENTS",
    "OPERATIONS",
    "AccountRemoved",
    "AddMembers",
    "Announce",
    "AnnouncementMade",
    "ConversationMuted",
    "CreateRoom",
    "DisableAccount",
    "EditMessage",
    "EnableAccount",
    "EndSession",
    "EndSessions",
    "EventKind",
    "ExpelAccount",
    "MakeInvite",
    "MemberRemoved",
    "MembersAdded",
    "MessageEdited",
    "MessagePosted",
    "MessageReacted",
    "MessageUnsent",
    "MessagesRead",
    "MuteConversation",
    "OpenSession",
    "Operation",
    "PostMessage",
    "ReactToMessage",
    "ReadMessages",
    "RegisterUser",
    "RemoveAccount",
    "RemoveMember",
    "ResetPassword",
    "RevokeInvite",
    "RoomMade",
    "RoomUpdated",
    "SetPassword",
    "UnsendMessage",
    "UpdateRoom",
]

Operation = Union[
    RegisterUser,
    OpenSession,
    EndSession,
    SetPassword,
    RemoveAccount,
    PostMessage,
    ReadMessages,
    UnsendMessage,
    EditMessage,
    ReactToMessage,
    MuteConversation,
    CreateRoom,
    UpdateRoom,
    AddMembers,
    RemoveMember,
    DisableAccount,
    EnableAccount,
    ResetPassword,
    EndSessions,
    ExpelAccount,
    Announce,
    MakeInvite,
    RevokeInvite,
]
EventKind = Union[
    MessagePosted,
    MessagesRead,
    MessageUnsent,
    MessageEdited,
    MessageReacted,
    ConversationMuted,
    AccountRemoved,
    RoomMade,
    RoomUpdated,
    MembersAdded,
    MemberRemoved,
    AnnouncementMade,
]

OPERATIONS: Final[dict[str, type[Operation]]] = {
    kind.__name__: kind for kind in get_args(Operation)
}
EVENTS: Final[dict[str, type[Event]]] = {kind.tag: kind for kind in get_args(EventKind)}
