"""The real logs of the shared folder are read as they are, under the ids that the benchmark knows them by."""

from __future__ import annotations

from pathlib import Path

import pytest

from adcreative.benchmarks.bars.datasets import DATASETS, check_files
from adcreative.benchmarks.bars.trials import open_roles, open_test
from adcreative.catalog.formats.logs import read_sample
from adcreative.catalog.log_schema import propose_schema

LOGS = Path(__file__).parents[3] / "shared" / "data" / "logs"
pytestmark = pytest.mark.skipif(not LOGS.is_dir(), reason="the shared logs are not here")
ROWS = {"Frappe_part": (57_722, 28_860), "iPinYou_part": (26_773, 21_150), "AmazonBeauty_sequences": (None, 2 * 22_363)}


@pytest.mark.parametrize("name", ROWS)
def test_files_are_those_of_the_id_and_every_row_has_one_role(name: str) -> None:
    dataset, (learnt, tested) = DATASETS[name], ROWS[name]
    check_files(dataset, LOGS)
    roles = {role: sum(map(len, file.tables())) for role, file in open_roles(dataset, LOGS).items()}
    assert roles["valid"] > 1000
    assert learnt is None or roles["train"] + roles["valid"] == learnt
    assert sum(map(len, open_test(dataset, LOGS).tables())) == tested


def test_a_schema_of_ipinyou_is_proposed_with_its_label() -> None:
    found = propose_schema(read_sample(LOGS / "ipinyou-train.parquet"))
    assert found.label == "label"
    assert len(found.categories) + len(found.numeric) >= 15
