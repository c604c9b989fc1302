"""Training of the script classifier: lines of random words in open fonts, and the network that names their script."""
