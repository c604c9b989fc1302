"""A photo in, an edited photo out: edit session and seamless paste."""
