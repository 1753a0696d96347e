"""The protocol of docs/PROTOCOL.md; of a chat it knows only that an entry carries an operation."""
