"""`python -m apps.studio`: serve the app on this machine with the shipped model."""

from adcreative.pipeline import Studio

from .launch import launch

if __name__ == "__main__":
    launch(Studio())
