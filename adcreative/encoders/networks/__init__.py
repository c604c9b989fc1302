"""The language models used as encoders, as plain modules: no model library is imported at the start of a command."""
