"""From rows of MicroLens's files to the tensors that a network reads, without a Python step per row.

An item stands in many histories of a batch. Its tags and embedding are gathered, and its vector is computed, once a batch;
the histories then point at it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from adcreative.catalog.datasets.microlens import MmctrItems, MmctrRows
from adcreative.papers.microlens.inputs import MicroLensItems


class BatchBuilder:
    """Rows as (levels [B, 2], target items [B], history items [B, T]), ready for `TargetNetwork.forward` and its peers.

    Args:
        items: of the files; kept on `device` for as long as the builder lives.
    """

    def __init__(self, items: MmctrItems, device: torch.device) -> None:
        self.device = device
        self.tags = torch.from_numpy(items.tags).to(device)
        self.embeddings = torch.from_numpy(items.embeddings).to(device, torch.get_default_dtype())

    def build(self, rows: MmctrRows) -> tuple[Tensor, MicroLensItems, MicroLensItems]:
        """Return the inputs; columns in which every history of the batch is padding are left out, so T may be smaller."""
        targets, levels = (torch.from_numpy(part).to(self.device) for part in (rows.items, rows.levels))
        is_used: np.ndarray = np.asarray(np.count_nonzero(rows.history, axis=0) > 0)
        is_used[-1] = True
        history = rows.history[:, is_used]
        is_met = np.zeros(len(self.tags), np.uint8)
        is_met[history] = 1
        ids = np.flatnonzero(is_met)
        number = np.empty(len(self.tags), np.int64)
        number[ids] = np.arange(len(ids))
        once = torch.from_numpy(ids).to(self.device)
        return (
            levels,
            MicroLensItems(targets, self.tags[targets], self.embeddings[targets]),
            MicroLensItems(once, self.tags[once], self.embeddings[once], torch.from_numpy(number[history]).to(self.device)),
        )

    def labels(self, rows: MmctrRows) -> Tensor:
        """Return labels [B] in the dtype of the embeddings."""
        return torch.from_numpy(rows.labels).to(self.embeddings)
