"""Conversion of other projects' checkpoints and direction files to ours, without running their code.

python -m stylegan.foreign IN OUT
"""

from stylegan.foreign.conversion import ConversionSummary, convert_weights

__all__ = ["ConversionSummary", "convert_weights"]
