"""Whose ad, whose work, whose turn at the model: what is kept between two clicks."""
