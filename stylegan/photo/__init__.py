"""A photo in, an edited photo out: the edit session, and pasting of an edit at the photo's own resolution."""
