"""The engine that keeps the chat in PostgreSQL, for any number of servers, none of which leads."""
