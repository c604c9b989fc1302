"""Archives of run folders: every file back byte for byte, pictures stored as what differs from one another."""
