"""Errors as sentences for people: what happened, what to do, and which field to focus.

Pure: knows neither gRPC nor Tk.
"""

from __future__ import annotations

import math

from chat.client.acts import FORMS, Act
from chat.client.errors import Unreachable
from chat.core import errors

# They say that something is wrong with whom or which room it is about.
_ADDRESSES = (
    errors.NoSuchUser, errors.RecipientDeleted, errors.NoSuchRoom, errors.NotAMember,
)  # fmt: skip


def sentence(error: errors.ChatError, action: str, address: str = "") -> str:
    """`address` is the person the action was about, if any."""
    if isinstance(error, errors.BadCredentials):
        return _WRONG_PASSWORD.get(action, "User name or password is not right.")
    if isinstance(error, errors.NameTaken):
        other = error.metadata.get("looks_like", "")
        return (
            f"That name looks like “{other}”, which is taken." if other else "That name is taken."
        )
    if isinstance(error, _ADDRESSES):
        return _about_address(error, action, address)
    if isinstance(error, errors.NoSuchMessage):
        return "That message no longer exists."
    if isinstance(error, errors.SessionEnded):
        return "You were signed out. Sign in again to continue."
    if isinstance(error, errors.Throttled):
        cause = "Too many attempts." if action in _PASSWORD_ACTIONS else "That was a lot at once."
        return f"{cause} Try again in {duration(retry_after_s(error))}."
    if isinstance(error, Unreachable):
        return "No server can be reached. Check the network and try again."
    if isinstance(error, errors.Invalid):
        return error.message
    if isinstance(error, errors.ClusterError):
        return "The servers cannot do this right now. Try again shortly."
    return error.message


def _about_address(error: errors.ChatError, action: str, address: str) -> str:
    if name := error.metadata.get("username", ""):  # one of several
        gone = isinstance(error, errors.RecipientDeleted)
        return f"{name} has deleted their account." if gone else f"There is no user called {name}."
    if isinstance(error, errors.NoSuchUser):
        return f"There is no user called {address}." if address else "There is no such user."
    if isinstance(error, errors.RecipientDeleted):
        return f"{address} has deleted their account; {_LOST.get(action, _NOT_SENT)}."
    if isinstance(error, (errors.NoSuchRoom, errors.NotAMember)) and action in _ABOUT_MYSELF:
        return f"You are not in {address}."
    if isinstance(error, errors.NoSuchRoom):
        return f"There is no room called {address}." if address else "There is no such room."
    return error.message


def field_of(error: errors.ChatError, action: str) -> str:
    """The form field to focus; empty when no field is to blame."""
    if isinstance(error, errors.Invalid):
        return error.metadata.get("field", "")
    if isinstance(error, errors.NameTaken):
        return "username"
    if isinstance(error, errors.RoomNameTaken):
        return "name"
    if isinstance(error, errors.BadCredentials):
        return "current_password" if action == "change_password" else "password"
    return ""


def retry_after_s(error: errors.ChatError) -> float:
    """The seconds a throttled caller is asked to wait; 1 if unspecified."""
    text = error.metadata.get("retry_after_ms", "")
    return int(text) / 1000 if text.isdecimal() else 1.0


# What only somebody can do who is in the room.
_ABOUT_MYSELF = {
    *(act.value for act in Act),
    "unsend", "mute", "mark_read", "open_conversation", "load_older", "search",
}  # fmt: skip
_LOST = {act.value: form.lost for act, form in FORMS.items()}
_NOT_SENT = FORMS[Act.SEND].lost
_PASSWORD_ACTIONS = {"sign_in", "register", "change_password", "delete_account"}
_WRONG_PASSWORD = {
    "change_password": "The current password is not right.",
    "delete_account": "The password is not right.",
}


def duration(seconds: float) -> str:
    """In whole seconds or minutes, at least one second."""
    seconds = max(1, math.ceil(seconds))
    if seconds < 90:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    return f"{math.ceil(seconds / 60)} minutes"
