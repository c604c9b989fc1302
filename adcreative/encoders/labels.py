"""Classes of a picture, as a set of ImageNet classes: the counterpart of AdSEE's class labels from instance segmentation.

The classifier of EfficientNet-Lite0 is linear above the mean of a 7 x 7 feature map, so it can be applied at every position
of the map without running the network again: one picture then has several labels, as for an ad with a face, a product and a
button.

    p(place) = softmax(W mean of the 3 x 3 features around the place + b)        labels = {c : max over places of p_c >= 0.25}

One softmax of the whole picture gives rendered ads hardly a label but "web site". Thresholded sets, not probabilities: the
published table was made with them (a set of class ids at a score of at least 0.25), and sets do not repeat the picture
embedding, which is another linear map of the same features. Classes of people are left out, as there: faces are counted. Knows
pixels; knows nothing of ads, files, networks that predict clicks, or their known labels.
Source:
    Jiang et al., AdSEE, KDD 2023 (released code: SOLOv2 on COCO, threshold 0.25, persons excluded). Zhou et al., CVPR 2016,
    class activation maps, for a classifier applied at each position. Differs: 1,000 ImageNet classes without masks.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from adcreative.encoders.networks.towers import load_efficientnet, read_pixels
from adcreative.encoders.weights import find_weight
from adcreative.errors import FeatureError
from stylegan.networks.efficientnet import EfficientNetLite0

if TYPE_CHECKING:
    import timm.data

MIN_PROBABILITY = 0.25
WINDOW = 3
PERSONS = (981, 982, 983)  # ballplayer, groom, scuba diver


class PictureLabeller:
    """Finds the classes of a picture; the same picture always has the same labels, in any batch."""

    def __init__(self, network: EfficientNetLite0) -> None:
        self.network = network.eval().requires_grad_(False)
        self.transform = read_pixels

    @classmethod
    def load(cls) -> PictureLabeller:
        """Load the network of the embedded picture tower, with its classifier.

        Raises:
            WeightsError: the network is not on this machine. ArtifactError: it is another network.
        """
        network = EfficientNetLite0()
        load_efficientnet(network, find_weight("efficientnet-lite0"))
        return cls(network)

    def score(self, image_u8: np.ndarray) -> np.ndarray:
        """Return [1000] float32: the highest probability of each class over all positions of a picture [H, W, 3] uint8.

        Raises:
            FeatureError: the picture has another shape or type.
        """
        if image_u8.ndim != 3 or image_u8.shape[2] != 3 or image_u8.dtype != np.uint8:
            raise FeatureError(
                f"expected a picture [H, W, 3] uint8, got {list(image_u8.shape)} {image_u8.dtype}; read it with read_image."
            )
        with torch.inference_mode():
            pixels = self.transform(Image.fromarray(image_u8)).unsqueeze(0)  # [1, 3, S, S]
            features = F.avg_pool2d(self.network.forward_features(pixels), WINDOW, stride=1)  # [1, C, 5, 5]
            logits = self.network.classifier(features.flatten(2).transpose(1, 2)[0])  # [places, 1000]
            found: np.ndarray = logits.softmax(dim=1).amax(dim=0).numpy()
        return found

    def label(self, image_u8: np.ndarray) -> np.ndarray:
        """Return the ids [L] int64, 0..999, ascending, of the classes seen in a picture [H, W, 3] uint8; L may be 0.

        Raises:
            FeatureError: see `score`.
        """
        return np.setdiff1d(np.flatnonzero(self.score(image_u8) >= MIN_PROBABILITY), PERSONS).astype(np.int64)


@functools.cache
def _imagenet() -> timm.data.ImageNetInfo:
    from timm.data import ImageNetInfo

    return ImageNetInfo()


def name_label(label: int) -> str:
    """Return the first English name of class 0..999."""
    return str(_imagenet().index_to_description(int(label))).split(",")[0]
