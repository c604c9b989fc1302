"""Continued pre-training over pipeline stages, which goes on when a stage dies."""
