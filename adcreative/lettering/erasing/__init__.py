"""Erases words from a picture: estimates the ground behind the letters, and fills it in."""
