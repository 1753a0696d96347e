"""Registration: who may create an account here, by config.json and by invites. Pure but for chance.

A code is said aloud and typed: letters and digits that nobody takes for others, in groups.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from chat.core import limits
from chat.core.errors import Invalid, RegistrationClosed
from chat.core.state.chat_state import ChatState

# As Crockford's base 32: no I, L, O, U.
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TAKEN_FOR: Final = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})
_GROUP: Final = 5


def new_code() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(limits.INVITE_CHARACTERS))
    return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))


def hash_of(code: str) -> str:
    """What is kept of a code, however it is typed; Invalid for what can be none."""
    if len(code) > 4 * limits.INVITE_CHARACTERS:
        raise Invalid("invite", "That is not the code of an invite.")
    letters = code.upper().translate(_TAKEN_FOR)
    if len(letters) != limits.INVITE_CHARACTERS or not set(letters) <= set(_LETTERS):
        raise Invalid("invite", "That is not the code of an invite.")
    return hashlib.sha256(letters.encode()).hexdigest()


def admit(registration: str, code: str, state: ChatState) -> str:
    """The hash of the invite that is used; "" = none is. RegistrationClosed, or Invalid where an
    invite is needed and this is none. A code that is given where none is needed is not used."""
    if registration == "closed":
        raise RegistrationClosed("No new accounts are created here. Ask whoever runs the servers.")
    if registration == "open":
        return ""
    if not code.strip():
        raise Invalid("invite", "An account here needs an invite. Ask whoever runs the servers.")
    return state.invites.usable(hash_of(code)).code_hash
