"""Training of the embedded face model on a folder of aligned faces: python -m stylegan.training."""
