"""The planted world and predictor of the click-rate rooms."""

from tests.ctr.conftest import predictor as predictor
from tests.ctr.conftest import world as world
