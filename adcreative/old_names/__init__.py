"""Commands that `python -m adcreative.NAME` ran before their modules moved (see `adcreative.__path__`)."""
