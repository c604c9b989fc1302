"""Takes words out of a picture: finds what lay behind the letters, and fills it in."""
