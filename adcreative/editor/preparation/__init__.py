"""Before the search: faces found and opened, lines written, scenes painted, the picture's response to each edit measured."""
