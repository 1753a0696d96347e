"""The certificate of servers of which only the fingerprint is known: asked for, and compared.

What a server shows is believed for its fingerprint alone. That it also holds the key is shown by
TLS itself, here and in every call that trusts the certificate from then on.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import socket
import ssl
import time
from collections.abc import Sequence
from typing import Final

from chat.client.errors import Unreachable
from chat.config import parse_address
from chat.core.errors import Invalid

log = logging.getLogger(__name__)

# One that is there answers in milliseconds; all together are waited for no longer than this.
_ANSWER_WITHIN_S: Final = 2.0
_ALL_WITHIN_S: Final = 8.0


def pinned_certificate(servers: Sequence[str], sha256: str) -> bytes:
    """The certificate (PEM) with this fingerprint, from the first of the servers that shows it.
    Invalid (field "invite") where those that answer show others, Unreachable where none answers."""
    strangers = []
    until = time.monotonic() + _ALL_WITHIN_S
    for server in servers:
        left_s = until - time.monotonic()
        if left_s <= 0:
            break
        try:
            shown = _certificate_of(server, min(left_s, _ANSWER_WITHIN_S))
        except OSError as error:  # ssl.SSLError is one
            log.info("%s shows no certificate: %s", server, error)
            continue
        if hmac.compare_digest(hashlib.sha256(shown).hexdigest(), sha256):
            return ssl.DER_cert_to_PEM_cert(shown).encode()
        strangers.append(server)
    if strangers:
        raise Invalid(
            "invite",
            f"What answers at {strangers[0]} is not the server that you were invited to. Nothing "
            "was sent to it. Ask whoever invited you.",
        )
    raise Unreachable("None of the servers of this invitation answers.")


def _certificate_of(server: str, within_s: float) -> bytes:
    """As it is shown (DER). OSError where there is none."""
    address = parse_address(server)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # compared by the caller
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection((address.host, address.port), within_s) as connection,
        context.wrap_socket(connection) as encrypted,
    ):
        shown = encrypted.getpeercert(binary_form=True)
    if not shown:
        raise OSError("no certificate was shown")
    return shown
