"""Pictures in few bytes: the learned image codec, and archives of run folders. Knows no runs and no ads."""
