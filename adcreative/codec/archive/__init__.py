"""Archives of run folders: every file restored byte for byte, pictures stored as differences."""
