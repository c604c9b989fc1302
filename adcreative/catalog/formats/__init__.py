"""File formats of tables, one file per format: each gives a header and a stream of rows, and knows nothing about ads."""
