"""Makes the models that join lines of a picture to blocks and name their roles, from drawn ads."""
