"""Dated data: the picture formats accepted by platforms (placements.yaml)."""
