"""What a field of a request may hold. Pure; every refusal is `Invalid` and names the field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from precis_i18n import get_profile

from chat.core import limits
from chat.core.errors import Invalid
from chat.core.state.model import ROOM_MARK
from chat.core.texts import DECOMPOSED_MAX, composed
from chat.rpc import chat_pb2 as pb

_USERNAME_PROFILE: Final = get_profile("UsernameCaseMapped")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_BCRYPT: Final = re.compile(rf"\$2b\${limits.BCRYPT_COST}\$[./A-Za-z0-9]{{53}}")
_SHA_256: Final = re.compile("[0-9a-f]{64}")
_SESSION_ID: Final = re.compile(f"[0-9a-f]{{{limits.SESSION_ID_CHARACTERS}}}")
# C0 but newline and tab, DEL and C1: they would reach somebody's terminal or log.
# By where emoji are, and will be, in Unicode (UTS 51, 1.4.9): a key of a telephone, a flag of two
# letters, or signs with their variants and colours, joined to one. What is no emoji among these
# signs is a sign nevertheless, and not writing.
_SIGN: Final = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5"
    "\U0001f200-\U0001faff]"
    "[\ufe0e\ufe0f]?[\U0001f3fb-\U0001f3ff]?(?:[\U000e0020-\U000e007e]+\U000e007f)?"
)
_EMOJI: Final = re.compile(
    f"[0-9#*]\ufe0f?\u20e3|[\U0001f1e6-\U0001f1ff]{{2}}|{_SIGN}(?:\u200d{_SIGN})*"
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def new_username(text: str, field: str = "username") -> str:
    """A name that is being chosen: not one that could be a room's."""
    name = username(text, field)
    if name.startswith(ROOM_MARK):
        raise Invalid(field, f"A user name does not begin with {ROOM_MARK}: rooms' names do.")
    return name


def address(text: str, field: str) -> str:
    """The name of a user or of a room, in its one form."""
    if not text.startswith(ROOM_MARK):
        return username(text, field)
    try:
        return ROOM_MARK + username(text.removeprefix(ROOM_MARK), field)
    except Invalid:
        most = limits.USERNAME_CHARACTERS_MAX
        sentence = f"A room's name is {ROOM_MARK} and 1 to {most} letters, digits or signs."
        raise Invalid(field, sentence) from None


def room_name(text: str, field: str = "name") -> str:
    """The name of a room in its one form, with its mark."""
    if not text.startswith(ROOM_MARK):
        raise Invalid(field, f"A room's name begins with {ROOM_MARK}.")
    return address(text, field)


def new_room_name(text: str, field: str = "name") -> str:
    """A name that is being chosen."""
    name = room_name(text, field)
    if name.startswith(2 * ROOM_MARK):
        raise Invalid(field, f"A room's name begins with one {ROOM_MARK}.")
    return name


def topic(text: str, field: str = "topic") -> str:
    """One line."""
    if "\n" in text or "\t" in text:
        raise Invalid(field, "A topic is one line.")
    return _printable(text, limits.TOPIC_CHARACTERS_MAX, field, "topic")


def added_usernames(texts: Sequence[str], field: str = "usernames") -> list[str]:
    if not 1 <= len(texts) <= limits.MEMBERS_ADDED_MAX:
        raise Invalid(field, f"1 to {limits.MEMBERS_ADDED_MAX} people are added at a time.")
    return [username(text, field) for text in texts]


def positions(asked: Iterable[pb.RoomPosition]) -> dict[str, int]:
    """Of rooms in the events of which a client wants to go on."""
    found: dict[str, int] = {}
    for each in asked:
        found[room_name(each.room, "positions")] = not_negative(each.position, "positions")
        if len(found) > limits.ROOMS_PER_USER_MAX:
            raise Invalid("positions", f"A user is in at most {limits.ROOMS_PER_USER_MAX} rooms.")
    return found


def username(text: str, field: str = "username") -> str:
    """The name in its one form (RFC 8265, UsernameCaseMapped)."""
    if not text or len(text) > DECOMPOSED_MAX * limits.USERNAME_CHARACTERS_MAX:
        raise Invalid(field, _USERNAME_LENGTH)
    try:
        normalised = _one_form(text)
    except UnicodeEncodeError as error:
        raise Invalid(field, "A user name is letters, digits and signs, no spaces.") from error
    if not 1 <= len(normalised) <= limits.USERNAME_CHARACTERS_MAX:
        raise Invalid(field, _USERNAME_LENGTH)
    return normalised


@lru_cache(maxsize=4_096)
def _one_form(text: str) -> str:
    """Remembered, because the same few people are named again and again: to look at each
    character took a tenth of the time of a send."""
    normalised: str = _USERNAME_PROFILE.enforce(text)
    return normalised


_USERNAME_LENGTH: Final = f"A user name has 1 to {limits.USERNAME_CHARACTERS_MAX} characters."


def new_password(text: str, name: str, field: str = "password") -> str:
    """A password that is being chosen: long enough, and not the user name."""
    low, high = limits.PASSWORD_CHARACTERS_MIN, limits.PASSWORD_CHARACTERS_MAX
    text = _composed(text, high, field, f"A password has {low} to {high} characters.")
    if len(text) < low:
        raise Invalid(field, f"A password has {low} to {high} characters.")
    if text.casefold() == name.casefold():
        raise Invalid(field, "The password must not be the user name.")
    return text


def password_to_check(text: str, field: str = "password") -> str:
    """A password that is being tried: only its length is bounded, before any hashing."""
    most = limits.PASSWORD_CHARACTERS_MAX
    return _composed(text, most, field, f"A password has at most {most} characters.")


def _composed(text: str, most: int, field: str, refusal: str) -> str:
    """In the composed form, however the keyboard makes its letters; that is what counts."""
    try:
        return composed(text, most)
    except ValueError:
        raise Invalid(field, refusal) from None


def password_hash(text: str, field: str = "password_hash") -> str:
    """One of bcrypt, of the cost that is usual here: a dearer one would hold up all who sign in."""
    if not _BCRYPT.fullmatch(text):
        raise Invalid(field, f"{field} must be bcrypt's of cost {limits.BCRYPT_COST}.")
    return text


def operator(text: str, field: str = "by") -> str:
    """Who says to run the servers."""
    name = _printable(text, limits.OPERATOR_CHARACTERS_MAX, field, "operator's name")
    if not name.strip() or "\n" in name or "\t" in name:
        raise Invalid(field, "Say on one line who does it.")
    return name


def code_hash(text: str, field: str = "code_hash") -> str:
    if not _SHA_256.fullmatch(text):
        raise Invalid(field, f"{field} must be 64 digits, 0 to f.")
    return text


def within(number: int, most: int, field: str) -> int:
    if not 1 <= number <= most:
        raise Invalid(field, f"{field} must be 1 to {most}.")
    return number


def announcement(text: str, field: str = "text") -> str:
    """One line, and not an empty one."""
    text = _printable(text, limits.ANNOUNCEMENT_CHARACTERS_MAX, field, "announcement").strip()
    if not text or "\n" in text or "\t" in text:
        raise Invalid(field, "An announcement is one line.")
    return text


def session_id(text: str, field: str = "session_id") -> str:
    """Empty = all sessions."""
    if text and not _SESSION_ID.fullmatch(text):
        raise Invalid(field, f"A session has {limits.SESSION_ID_CHARACTERS} digits, 0 to f.")
    return text


def message_text(text: str, field: str = "text") -> str:
    """1 to 16,384 bytes of UTF-8 without control characters other than newline and tab."""
    if not 1 <= len(text.encode("utf-8", "surrogatepass")) <= limits.TEXT_BYTES_MAX:
        raise Invalid(field, f"A message has 1 to {limits.TEXT_BYTES_MAX} bytes of text.")
    if _CONTROL.search(text):
        raise Invalid(field, "A message has no control characters but newline and tab.")
    return text


def emoji(text: str, field: str = "emoji") -> str:
    """One emoji, as people see it, in whatever of Unicode's ways it is made."""
    if len(text) > limits.EMOJI_CHARACTERS_MAX or not _EMOJI.fullmatch(text):
        raise Invalid(field, "A reaction is one emoji.")
    return text


def request_id(text: str, field: str = "request_id", required: bool = False) -> str:
    """A UUID in its usual form, lower case; empty where it is optional."""
    if not text and not required:
        return ""
    if not _UUID.fullmatch(text):
        raise Invalid(field, f"{field} must be a UUID.")
    return text.lower()


def device_name(text: str, field: str = "device_name") -> str:
    return _printable(text, limits.DEVICE_NAME_CHARACTERS_MAX, field, "device name")


def device_secret(text: str, field: str = "device_secret") -> str:
    low, high = limits.DEVICE_SECRET_CHARACTERS_MIN, limits.DEVICE_SECRET_CHARACTERS_MAX
    if text and not low <= len(text) <= high:
        raise Invalid(field, f"A device secret has {low} to {high} characters.")
    return text


def wildcard_filter(text: str, field: str = "filter") -> str:
    return _printable(text, limits.FILTER_CHARACTERS_MAX, field, "filter")


def _printable(text: str, most: int, field: str, what: str) -> str:
    refusal = f"A {what} has at most {most} printable characters."
    if _CONTROL.search(text):
        raise Invalid(field, refusal)
    return _composed(text, most, field, refusal)


def search_words(text: str, field: str = "words") -> str:
    """1 to 256 characters, on one line."""
    most = limits.SEARCH_CHARACTERS_MAX
    refusal = f"A search has 1 to {most} characters."
    if not text or _CONTROL.search(text):
        raise Invalid(field, refusal)
    return _composed(text, most, field, refusal)


def not_negative(number: int, field: str) -> int:
    if number < 0:
        raise Invalid(field, f"{field} must not be negative.")
    return number
