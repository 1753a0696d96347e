"""What was said, to whom, and who may: operations, rules and tables; no protocol, no disk."""
