"""The open conversation: which messages are loaded, how they are drawn, and what hands do there."""
