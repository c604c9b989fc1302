"""The test of an edit: plan, variants, export, sequential read-out, import of results."""
