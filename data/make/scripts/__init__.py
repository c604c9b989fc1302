"""Makes the classifier of scripts: lines of made-up words in open fonts, and the network that names their script."""
