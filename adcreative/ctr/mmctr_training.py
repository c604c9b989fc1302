"""Moved to adcreative.benchmarks.microlens_training; this name keeps `python -m` lines in older cards and scripts working."""

import runpy

if __name__ == "__main__":
    runpy.run_module("adcreative.benchmarks.microlens_training", run_name="__main__", alter_sys=True)
