"""File formats of tables, one a file: each gives a header and a stream of rows, and knows nothing of ads."""
