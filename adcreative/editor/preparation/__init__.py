"""Before the search: faces found and opened, lines written, scenes painted, the picture's reaction to each edit measured."""
