"""One file a verb: what the commands, the app and the Python API do. Each calls the stages directly."""
