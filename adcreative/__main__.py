"""python -m adcreative: the same as the command adcreative."""

from __future__ import annotations

from adcreative.cli.app import app

if __name__ == "__main__":
    app(prog_name="adcreative")
