"""Dated data: the picture formats that platforms take (placements.yaml)."""
