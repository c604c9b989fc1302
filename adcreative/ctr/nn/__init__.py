"""Layers that click-rate networks share."""
