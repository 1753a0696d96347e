"""What can go wrong on this side of the wire: errors that the client makes itself.

Pure: knows neither gRPC nor Tk.
"""

from __future__ import annotations

from chat.core.errors import CallerError, ClusterError


class Unreachable(ClusterError):
    """No server answered in time."""

    reason = "UNREACHABLE"


class Outdated(CallerError):
    """A server does not understand this client's version."""

    reason = "OUTDATED"


class Cancelled(CallerError):
    """The person cancelled the call; nobody needs to be told."""

    reason = "CANCELLED"

    def __init__(self) -> None:
        super().__init__("Cancelled.")
