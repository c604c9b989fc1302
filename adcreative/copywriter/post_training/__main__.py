"""python -m adcreative.copywriter.post_training: see `training`."""

from __future__ import annotations

from adcreative.copywriter.post_training.training import main

if __name__ == "__main__":
    main()
