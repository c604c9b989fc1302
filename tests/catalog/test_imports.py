"""The catalogue and the configuration load without torch."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["catalog", "catalog.images", "catalog.splits", "catalog.tables", "catalog.formats.parquet", "config"]
)
def test_no_torch(module: str) -> None:
    code = f"import sys, adcreative.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_reader_itself_loads_neither_pandas_nor_pyarrow_nor_pillow() -> None:
    code = "import sys, adcreative.catalog; sys.exit(any(name in sys.modules for name in ('pandas', 'pyarrow', 'PIL')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
