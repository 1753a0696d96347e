"""The form on disk of log and state, as values: journal, document, and how they are read back."""
