"""The language models that are read, as plain modules: no library of models is loaded at the start of a command."""
