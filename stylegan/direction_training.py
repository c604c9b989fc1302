"""Moved to stylegan.latents.directions.training; this name keeps `python -m` lines in older cards and scripts working."""

import runpy

if __name__ == "__main__":
    runpy.run_module("stylegan.latents.directions.training", run_name="__main__", alter_sys=True)
