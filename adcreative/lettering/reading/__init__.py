"""Reads the words of a picture: lines (reader), blocks (blocks), roles of blocks (roles), and their ink (ink)."""
