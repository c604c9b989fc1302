"""Replaces words in a picture: in the same font, ink and shadow, with a check of the result."""
