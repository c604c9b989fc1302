"""Compact storage of pictures: archives of run folders. Knows no runs and no ads."""
