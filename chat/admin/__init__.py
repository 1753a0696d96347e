"""The command of whoever runs the servers: python -m chat.admin."""
