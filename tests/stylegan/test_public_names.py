"""What `from stylegan import ...` offers: each name comes from its home, and none brings torch before it is asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import stylegan


@pytest.mark.parametrize("name", stylegan.__all__)
def test_each_name_is_that_of_its_home(name: str) -> None:
    assert getattr(stylegan, name) is getattr(import_module(stylegan._HOMES[name]), name)
    assert name in dir(stylegan)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"has no attribute 'FaceAnalyser'; it offers DirectionSet, FaceAnalyzer"):
        _ = stylegan.FaceAnalyser


def test_torch_is_not_loaded_by_the_package_alone() -> None:
    code = "import stylegan, stylegan.errors, sys; assert 'torch' not in sys.modules; assert 'numpy' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
