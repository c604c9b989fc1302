"""Reads the words of a picture: lines (reader), blocks (blocks), what each is for (roles), and their ink (ink)."""
