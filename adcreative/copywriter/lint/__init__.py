"""Checks that every line must pass: form, grammar, substance."""
