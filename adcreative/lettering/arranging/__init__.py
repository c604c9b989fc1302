"""Arranges a picture and its words in another shape: parts that matter stay whole, the ground goes on around them."""
