"""Pictures in few bytes: archives of run folders. Knows no runs and no ads."""
