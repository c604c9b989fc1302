"""The tiny language model of the copywriter's tests."""

from tests.copywriter.conftest import tiny_model_dir as tiny_model_dir
