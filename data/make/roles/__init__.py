"""Training of the models that join a picture's lines into blocks and name their roles, on drawn ads."""
