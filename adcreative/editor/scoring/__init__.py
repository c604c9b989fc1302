"""What a candidate is worth: objectives, the first-order surrogate of the picture, final pixels and words."""
