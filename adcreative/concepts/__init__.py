"""What an account's ads are about and what that was worth: groups of like ads, attributes, effects, the next brief."""
