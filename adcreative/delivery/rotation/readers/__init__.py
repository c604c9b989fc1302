"""Slates for readers who come back: a state that follows each reader's clicks, fitted by variational inference with torch."""
