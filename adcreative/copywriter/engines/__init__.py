"""Who writes the lines: template grammar, a local language model, a chat server."""
