"""The real face networks and one public-domain portrait, loaded once."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from adcreative.encoders.faces import FaceAnalyzer, FaceInPicture


@pytest.fixture(scope="session")
def analyzer() -> FaceAnalyzer:
    return FaceAnalyzer()


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut())


@pytest.fixture(scope="session")
def portrait(analyzer: FaceAnalyzer, astronaut: np.ndarray) -> FaceInPicture:
    (face,) = analyzer.analyze(astronaut)
    return face
