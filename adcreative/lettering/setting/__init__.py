"""Sets words into a picture in place of those that stand there: the same font, ink and shadow, and a check of the result."""
