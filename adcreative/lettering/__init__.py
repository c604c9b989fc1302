"""Words in pictures: read, taken out, set anew, and arranged in other shapes. Knows pixels and texts; no ads, no rates."""
