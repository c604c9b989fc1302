"""Training of the embedded face model on a folder of aligned faces: python -m data.make.face_model."""
