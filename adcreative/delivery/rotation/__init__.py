"""Rotation of creatives: posteriors of click rates, allocation policies, slates, off-policy evaluation."""
