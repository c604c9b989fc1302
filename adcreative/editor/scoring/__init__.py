"""The score of a candidate: objectives, the first-order surrogate of the picture, final pixels and words."""
