"""Forms for serving: batch norm multiplied into the linear layer before it, equal to rounding.

norm(W x + b) = s (W x + b - mean) + shift = (s W) x + s (b - mean) + shift,   s = gamma / sqrt(variance + eps)
"""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from adcreative.ctr.nn.layers import SharedBatchNorm
from adcreative.ctr.nn.mlp import MLP


def fold_batch_norms(module: nn.Module) -> int:
    """Fold every batch norm of the MLPs in a module, in eval mode, into its linear layer; return the number folded.

    The module cannot be trained further, since the norms are removed.
    """
    count = 0
    for mlp in [one for one in module.modules() if isinstance(one, MLP)]:
        for number, (linear, norm) in enumerate(zip(mlp.linears, mlp.norms, strict=True)):
            if isinstance(norm, SharedBatchNorm) and isinstance(linear, nn.Linear):
                mlp.linears[number] = fuse_linear_bn_eval(linear, norm)
                mlp.norms[number] = nn.Identity()
                count += 1
    return count
