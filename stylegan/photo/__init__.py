"""Photo editing: the edit session, and pasting of an edit at the photo's own resolution."""
