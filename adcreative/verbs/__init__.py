"""One file per verb: the work behind the commands, the app and the Python API. Each verb calls the stages directly."""
