"""A gRPC client made of bare HTTP/2, which may do all that a well-behaved one never does.

It decides whether to take answers (grant windows), how much of a request it sends, and when to
give a call up; it answers PINGs. One thread uses one connection. Knows nothing of the chat.
"""

from __future__ import annotations

import base64
import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

DEADLINE_S: Final = 30.0
_RECEIVE_BYTES: Final = 1024 * 1024
# What a client grants that takes all answers; HTTP/2 allows no more.
_WIDE_WINDOW: Final = 2**31 - 1
_FIRST_WINDOW: Final = 65_535
_PREFIX: Final = struct.Struct(">BI")  # of a gRPC message: not compressed, its length


def framed(message: bytes) -> bytes:
    """A gRPC message as it travels."""
    return _PREFIX.pack(0, len(message)) + message


@dataclass(slots=True)
class RawStream:
    """One call. `headers` are those of the answer, trailers included, once they came."""

    number: int
    headers: dict[str, str] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: ErrorCodes | int | None = None  # by the server

    @property
    def over(self) -> bool:
        return self.ended or self.reset is not None

    @property
    def status(self) -> int | None:
        """gRPC's; None while there is none."""
        found = self.headers.get("grpc-status")
        return None if found is None else int(found)

    @property
    def details(self) -> bytes:
        """The google.rpc.Status of a failed call; empty when there is none."""
        text = self.headers.get("grpc-status-details-bin", "")
        return base64.b64decode(text + "=" * (-len(text) % 4))

    def messages(self) -> list[bytes]:
        """The whole messages that have come."""
        found, at = [], 0
        while at + _PREFIX.size <= len(self.data):
            _, length = _PREFIX.unpack_from(self.data, at)
            at += _PREFIX.size
            if at + length > len(self.data):
                break
            found.append(bytes(self.data[at : at + length]))
            at += length
        return found


class _Unbounded(H2Connection):
    """Opens more streams than the server allows, to see what it does then."""

    @property
    def open_outbound_streams(self) -> int:
        return 0


class RawConnection:
    """One connection to a server that speaks in the clear. With `takes_answers` false no window
    is ever granted, so that no byte of an answer can be sent; headers and trailers can."""

    def __init__(
        self, host: str, port: int, takes_answers: bool = True, obeys_limits: bool = True
    ) -> None:
        self.streams: dict[int, RawStream] = {}
        self.closed = False
        self._knows_settings = False
        self._takes_answers = takes_answers
        config = H2Configuration(client_side=True, header_encoding="utf-8")
        self._http = (H2Connection if obeys_limits else _Unbounded)(config)
        self._authority = f"{host}:{port}"
        self._socket = socket.create_connection((host, port), timeout=DEADLINE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._http.initiate_connection()
        window = _WIDE_WINDOW if takes_answers else 0
        self._http.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        if takes_answers:
            self._http.increment_flow_control_window(_WIDE_WINDOW - _FIRST_WINDOW)
        self.flush()
        self.wait_for(lambda: self._knows_settings, "the server's settings")

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self.closed = True
        self._socket.close()

    @property
    def own_port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def streams_allowed(self) -> int | None:
        """How many at once the server allows; None = any number."""
        return self._http.remote_settings.get(SettingCodes.MAX_CONCURRENT_STREAMS)

    # --- calls -----------------------------------------------------------------------------

    def open(self, method: str, metadata: Iterable[tuple[str, str | bytes]] = ()) -> RawStream:
        """The headers of a call, and nothing of its request yet."""
        stream = RawStream(self._http.get_next_available_stream_id())
        self.streams[stream.number] = stream
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", method),
            (":authority", self._authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            *metadata,
        ]
        self._http.send_headers(stream.number, headers)
        return stream

    def call(
        self, method: str, request: bytes, metadata: Iterable[tuple[str, str | bytes]] = ()
    ) -> RawStream:
        """A whole call; the answer comes while the connection is pumped."""
        stream = self.open(method, metadata)
        self.send(stream, framed(request), end=True)
        return stream

    def send(self, stream: RawStream, data: bytes, end: bool = False) -> None:
        """Bytes of a request, as fast as the server takes them; what the server resets
        meanwhile is sent no further."""
        at = 0
        while at < len(data) and not (stream.over or self.closed):
            room = min(
                self._http.local_flow_control_window(stream.number),
                self._http.max_outbound_frame_size,
                len(data) - at,
            )
            if room > 0:
                last = end and at + room == len(data)
                self._http.send_data(stream.number, data[at : at + room], end_stream=last)
                at += room
            else:
                self.pump(DEADLINE_S)

    def send_end(self, stream: RawStream) -> None:
        """Nothing more of the request will come."""
        self._http.end_stream(stream.number)

    def give_up(self, stream: RawStream) -> None:
        """Resets the call, as a client does that does not wait for the answer."""
        if not stream.over:
            self._http.reset_stream(stream.number, ErrorCodes.CANCEL)
        self.streams.pop(stream.number, None)

    # --- what comes ------------------------------------------------------------------------

    def flush(self) -> None:
        """Puts on the wire what was said so far."""
        try:
            self._socket.settimeout(DEADLINE_S)
            self._socket.sendall(self._http.data_to_send())
        except OSError:
            self.closed = True

    def pump(self, seconds: float = 0.0) -> None:
        """Sends what waits, and takes what comes; waits at most so long for the first of it."""
        self.flush()
        try:
            self._socket.settimeout(max(seconds, 0.001))
            data = self._socket.recv(_RECEIVE_BYTES)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return
        try:
            events = self._http.receive_data(data)
        except ProtocolError:
            self.closed = True
            return
        for event in events:
            self._take(event)
        self.flush()

    def wait_for(
        self, condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S
    ) -> None:
        """Pumps until it holds; AssertionError after the deadline or at the connection's end."""
        end = time.monotonic() + deadline_s
        while not condition():
            assert not self.closed, f"the server closed the connection before {what}"
            assert time.monotonic() < end, f"waited {deadline_s:.0f} s for {what}"
            self.pump(0.05)

    def wait_until_closed(self, deadline_s: float = DEADLINE_S) -> None:
        """Pumps until the server has ended the connection."""
        end = time.monotonic() + deadline_s
        while not self.closed:
            assert time.monotonic() < end, f"the connection still lives after {deadline_s:.0f} s"
            self.pump(0.05)

    def _take(self, event: Event) -> None:
        if isinstance(event, ConnectionTerminated):
            self.closed = True
            return
        if isinstance(event, RemoteSettingsChanged):
            self._knows_settings = True
            return
        number = getattr(event, "stream_id", None)
        stream = self.streams.get(number) if number else None
        if stream is None:
            return
        match event:
            case ResponseReceived() | TrailersReceived():
                stream.headers.update((str(k), str(v)) for k, v in event.headers or ())
            case DataReceived():
                stream.data += event.data or b""
                if self._takes_answers and event.flow_controlled_length:
                    self._http.acknowledge_received_data(
                        event.flow_controlled_length, stream.number
                    )
            case StreamEnded():
                stream.ended = True
            case StreamReset():
                stream.reset = event.error_code
