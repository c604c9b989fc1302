"""Ads composed from parts: a photo, a logo, colours, typefaces and messages, laid out by layouts that are data (`layouts/`)."""
