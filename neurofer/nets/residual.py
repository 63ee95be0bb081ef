"""The layout that ResNet-18 and SEW-ResNet-18 share: four stages of two basic blocks, and their initial weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import nn

Block = Callable[[int, int, int], nn.Module]


def stages(width: int, block: Block) -> Iterator[nn.Sequential]:
    """The four stages; the width doubles and the map halves at each but the first.

    Args:
        width: channels of the first stage, 64 in ResNet-18.
        block: makes one block from its input channels, output channels and stride.
    """
    channels = width
    for number in range(4):
        out = width * 2**number
        stride = 1 if number == 0 else 2
        yield nn.Sequential(block(channels, out, stride), block(out, out, 1))
        channels = out


def initialise(network: nn.Module) -> None:
    """Draw convolutions from the normal distribution for ReLU, by fan-out (He et al. 2015); the rest stays torch's."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
