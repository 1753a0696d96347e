"""Every operation, event and error that there is, as the modules of `operations` define them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules
from typing import Any, Final

from chat.core.errors import ChatError, kinds
from chat.core.state import operations
from chat.core.state.model import Event, MessagePosted, MessagesExpired
from chat.core.state.operations import Operation


def _defined() -> Iterator[type[Any]]:
    """The dataclasses of each module; a class that is none, or abstract, is a frame for several."""
    for found in iter_modules(operations.__path__):
        module = import_module(f"{operations.__name__}.{found.name}")
        for thing in vars(module).values():
            if is_dataclass(thing) and thing.__module__ == module.__name__:
                assert isinstance(thing, type)
                if not isabstract(thing):
                    yield thing


_DEFINED: Final[tuple[type[Any], ...]] = (MessagePosted, MessagesExpired, *_defined())
# By the name of the class, which is what JSON calls it.
OPERATIONS: Final[dict[str, type[Operation]]] = {
    kind.__name__: kind for kind in _DEFINED if issubclass(kind, Operation)
}
EVENTS: Final[dict[str, type[Event]]] = {
    kind.tag: kind for kind in _DEFINED if issubclass(kind, Event)
}
# By the reason that crosses the wire; those that several raise are in `chat/core/errors.py`.
ERRORS: Final[dict[str, type[ChatError]]] = {kind.reason: kind for kind in kinds()}
