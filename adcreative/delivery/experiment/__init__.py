"""The test of an edit: plan, variants, export, sequential read-out, results joined back."""
