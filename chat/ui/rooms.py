"""What a person does about rooms in the window, and what the window hears about them."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable

from chat.client import events as ev
from chat.ui.chat_page import ChatPage
from chat.ui.dialogs import Dialog
from chat.ui.look.theme import Theme
from chat.ui.room_dialogs import CreateRoomDialog, FindRoomDialog
from chat.ui.session import SessionLike
from chat.ui.windows import Windows


class WindowRooms:
    """Opens the dialogs about rooms and passes on to them, and to the page, what comes of it."""

    def __init__(
        self, root: tk.Tk, theme: Theme, session: SessionLike, windows: Windows, chat: ChatPage
    ) -> None:
        self._root, self._theme, self._session = root, theme, session
        self._windows, self._chat = windows, chat

    def actions(self) -> dict[str, Callable[[], object]]:
        return {"find_room": self.find, "create_room": self.create}

    def handlers(self) -> dict[type, Callable[..., None]]:
        chat = self._chat
        return {
            ev.RoomsListed: self._listed,
            ev.RoomLeft: lambda e: chat.room_left(e.address),
            ev.RoomBegun: lambda e: chat.room_begun(e.address),
            # What changes with these in the list comes as ConversationUpdated.
            ev.MembersCame: lambda _: None,
            ev.MemberWent: lambda _: None,
            ev.RoomChanged: lambda _: None,
            ev.MembersListed: lambda _: None,
            ev.ReadersListed: lambda _: None,
        }

    # --- dialogs -----------------------------------------------------------------------

    def find(self) -> None:
        if self._windows.username:
            rooms = self._session.rooms
            self._windows.open(lambda: FindRoomDialog(
                self._root, self._theme, rooms.find, self._chat.open_conversation, rooms.join,
                self.create,
            ))  # fmt: skip

    def create(self, name: str = "") -> None:
        if self._windows.username:
            self._windows.open(lambda: CreateRoomDialog(
                self._root, self._theme, name, self._session.rooms.create
            ))  # fmt: skip

    # --- events ------------------------------------------------------------------------

    def _listed(self, event: ev.RoomsListed) -> None:
        dialog = self._windows.dialog
        if self._windows.is_open and isinstance(dialog, FindRoomDialog):
            dialog.show(event)

    def done(self, event: ev.Done) -> None:
        """A dialog closes with what it was for."""
        if self._dialog_for(event.action) is not None:
            self._windows.close_dialog()
            self._chat.open_conversation(event.detail)

    def failed(self, event: ev.Failed) -> bool:
        """False when the action is none about rooms. Only the dialog that asked for it tells."""
        dialog = self._dialog_for(event.action)
        if dialog is not None:
            dialog.show_error(event.field, event.message)
        return event.action in _DIALOGS

    def _dialog_for(self, action: str) -> Dialog | None:
        """The one that asked for it, if it is still open."""
        dialog, kind = self._windows.dialog, _DIALOGS.get(action)
        is_there = self._windows.is_open and kind is not None and isinstance(dialog, kind)
        return dialog if is_there else None


_DIALOGS: dict[str, type[Dialog]] = {
    "create_room": CreateRoomDialog,
    "find_rooms": FindRoomDialog,
    "join_room": FindRoomDialog,
}
