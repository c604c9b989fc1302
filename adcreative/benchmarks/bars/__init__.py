"""BARS-CTR: networks for impression logs compared by one protocol on frozen files."""
