"""Moved to adcreative.release.adapter_wins; this name keeps `python -m` lines in older cards and scripts working."""

import runpy

if __name__ == "__main__":
    runpy.run_module("adcreative.release.adapter_wins", run_name="__main__", alter_sys=True)
