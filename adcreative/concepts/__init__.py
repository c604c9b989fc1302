"""Concepts of an account's ads: groups of similar ads, attributes, their effects on the click rate, and the next brief."""
