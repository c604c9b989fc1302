"""Words that stand in a picture: read (reader), grouped into blocks (blocks), named (roles), measured (measures)."""
