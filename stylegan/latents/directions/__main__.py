"""python -m stylegan.latents.directions: see `training`."""

from __future__ import annotations

from stylegan.latents.directions.training import main

if __name__ == "__main__":
    main()
