"""What a person does about rooms in the window, and what the window hears about them."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable

from chat.client import events as ev
from chat.client.events import RoomInfo
from chat.ui import words
from chat.ui.chat_page import ChatPage
from chat.ui.details import DetailsActions, DetailsPane
from chat.ui.dialogs import ConfirmDialog, Dialog
from chat.ui.look.theme import Theme
from chat.ui.room_dialogs import (
    AddMembersDialog,
    CreateRoomDialog,
    EditRoomDialog,
    FindRoomDialog,
)
from chat.ui.session import SessionLike
from chat.ui.windows import Windows

# Which dialog asks for what; the pane of details asks for the rest.
_DIALOGS: dict[str, type[Dialog]] = {
    "create_room": CreateRoomDialog,
    "find_rooms": FindRoomDialog,
    "join_room": FindRoomDialog,
    "add_members": AddMembersDialog,
    "update_room": EditRoomDialog,
}
_IN_PANE = ("update_room", "remove_member", "list_members")


class WindowRooms:
    """Opens the dialogs about rooms and the pane of details, and passes on to them, and to the
    page, what comes of it."""

    def __init__(
        self, root: tk.Tk, theme: Theme, session: SessionLike, windows: Windows, chat: ChatPage
    ) -> None:
        self._root, self._theme, self._session = root, theme, session
        self._windows, self._chat = windows, chat
        self._wants_details = False  # of whichever room is open
        self._listed = ""  # the room whose members are shown, or were asked for
        self._leaving: set[str] = set()
        self.details = DetailsPane(chat.right, theme, DetailsActions(
            close=self.close_details, refresh=self._list_members, add=self.add_people,
            edit=self.edit, leave=self.leave, mute=chat.toggle_mute,
            write_to=chat.open_conversation, remove=self.remove, hand_over=self.hand_over,
        ))  # fmt: skip
        self.on_details: Callable[[], object] = lambda: None  # before the pane is opened
        chat.on_shown = self._show_details
        chat.beside = lambda: (self.details.list,) if self.details.is_open else ()

    def actions(self) -> dict[str, Callable[[], object]]:
        return {
            "find_room": self.find,
            "create_room": self.create,
            "details": self.toggle_details,
        }

    def handlers(self) -> dict[type, Callable[..., None]]:
        return {
            ev.RoomsListed: self._rooms_listed,
            ev.RoomLeft: self._left,
            ev.RoomBegun: self._begun,
            # What changes with these in the list comes as ConversationUpdated.
            ev.MembersCame: lambda e: self._members_changed(e.address),
            ev.MemberWent: lambda e: self._members_changed(e.address),
            ev.RoomChanged: lambda e: self._members_changed(e.room.name),
            ev.NoteArrived: lambda e: self._chat.note_arrived(e.note),
            ev.MembersListed: self._members_listed,
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

    def add_people(self) -> None:
        room = self._chat.room
        if room is not None:
            members = [member.username for member in self.details.members]
            self._windows.open(lambda: AddMembersDialog(
                self._root, self._theme, members, self._session.list_users,
                lambda names: self._session.rooms.add(room.name, names),
            ))  # fmt: skip

    def edit(self) -> None:
        room = self._chat.room
        if room is not None:
            self._windows.open(lambda: EditRoomDialog(
                self._root, self._theme, room,
                lambda topic, private: self._session.rooms.update(room.name, topic, private),
            ))  # fmt: skip

    def leave(self) -> None:
        def confirmed(room: RoomInfo) -> None:
            self._leaving.add(room.name)
            self._session.rooms.remove(room.name, self._chat.me)

        room = self._chat.room
        if room is not None:
            self._confirm(room, "Leave {room}?", words.leaving(room, self._chat.me), "Leave room",
                          confirmed)  # fmt: skip

    def remove(self, username: str) -> None:
        room = self._chat.room
        if room is not None:
            self._confirm(
                room, f"Remove {username} from {{room}}?",
                words.removing(room), "Remove",
                lambda room: self._session.rooms.remove(room.name, username),
            )  # fmt: skip

    def hand_over(self, username: str) -> None:
        room = self._chat.room
        if room is not None:
            self._confirm(
                room, f"Make {username} the owner of {{room}}?",
                "Only its owner can edit a room and remove members. You stay in it.",
                "Make owner",
                lambda room: self._session.rooms.update(room.name, owner=username),
            )  # fmt: skip

    def _confirm(
        self, room: RoomInfo, title: str, text: str, verb: str, act: Callable[[RoomInfo], None]
    ) -> None:
        def confirmed() -> None:
            self.details.show_error("")
            act(room)

        self._windows.open(lambda: ConfirmDialog(
            self._root, self._theme, title.format(room=room.name), text, verb, confirmed
        ))  # fmt: skip

    # --- the pane ----------------------------------------------------------------------

    def toggle_details(self) -> None:
        if self.details.is_open:
            self.close_details()
        elif self._chat.room is not None:
            self.on_details()
            self._wants_details = True
            self._show_details()
            self.details.list.focus_set()

    def close_details(self) -> bool:
        """False when it was not open."""
        if not self.details.is_open:
            return False
        self._wants_details = False
        self._show_details()
        self._chat.composer.text.focus_set()
        return True

    def _show_details(self) -> None:
        """The pane stays open from room to room."""
        room = self._chat.room
        if room is None or not self._wants_details:
            self.details.close()
            self._listed = ""
            return
        known = self._chat.list.get(room.name)
        self.details.show_room(room, self._chat.me, muted=known is not None and known.muted)
        self.details.open()
        if self._listed != room.name:
            self._list_members()

    def _list_members(self) -> None:
        room = self._chat.room
        if room is not None:
            self._listed = room.name
            self._session.rooms.list_members(room.name)

    def link_changed(self, online: bool) -> None:
        if online and self.details.is_open:
            self._list_members()

    # --- events ------------------------------------------------------------------------

    def _rooms_listed(self, event: ev.RoomsListed) -> None:
        dialog = self._windows.dialog
        if self._windows.is_open and isinstance(dialog, FindRoomDialog):
            dialog.show(event)

    def _begun(self, event: ev.RoomBegun) -> None:
        self._leaving.discard(event.address)
        self._chat.room_begun(event.address)
        self._members_changed(event.address)

    def _left(self, event: ev.RoomLeft) -> None:
        self._chat.room_left(event.address)
        if event.address in self._leaving and event.address == self._chat.address:
            self._chat.close_conversation()
        self._leaving.discard(event.address)

    def _members_changed(self, address: str) -> None:
        self._chat.completion.members_changed(address)
        if self.details.is_open and address == self._listed:
            self._list_members()

    def _members_listed(self, event: ev.MembersListed) -> None:
        others = (member.username for member in event.members)
        names = tuple(name for name in others if name != self._chat.me)
        self._chat.completion.members_listed(event.address, names)
        if self.details.is_open and event.address == self._listed:
            self.details.show_error("")
            self.details.show_members(event.members)

    def done(self, event: ev.Done) -> None:
        """A dialog closes with what it was for."""
        if self._dialog_for(event.action) is not None:
            self._windows.close_dialog()
            if event.action in ("create_room", "join_room"):
                self._chat.open_conversation(event.detail)

    def failed(self, event: ev.Failed) -> bool:
        """False when the action is none about rooms. It is told where it was asked for."""
        dialog = self._dialog_for(event.action)
        if event.action == "remove_member":
            self._leaving.discard(event.address)
        if dialog is not None:
            dialog.show_error(event.field, event.message)
        elif event.action in _IN_PANE and event.address == self._chat.address:
            self.details.show_error(event.message)
        return event.action in _DIALOGS or event.action in _IN_PANE

    def _dialog_for(self, action: str) -> Dialog | None:
        """The one that asked for it, if it is still open."""
        dialog, kind = self._windows.dialog, _DIALOGS.get(action)
        is_there = self._windows.is_open and kind is not None and isinstance(dialog, kind)
        return dialog if is_there else None
