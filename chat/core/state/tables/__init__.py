"""All that is replicated, as tables of records: one module for each subject."""
