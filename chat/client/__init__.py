"""The client without a window: session, outbox and settings."""
