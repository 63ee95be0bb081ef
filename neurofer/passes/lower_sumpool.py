"""Sum pooling as a convolution with ones, for readers that drop the padding of SumPool2d or the node itself."""

from __future__ import annotations

import numpy as np

from neurofer.ir.nodes import Conv2d, Node, SumPool2d
from neurofer.ir.program import Program
from neurofer.passes.rewire import exchange


def lower_sumpool(program: Program, *, padded_only: bool = True, grouped: bool = False) -> Program:
    """Replace SumPool2d nodes by Conv2d nodes of the same name whose weights (float32) are ones within a channel.

    Args:
        program: the program.
        padded_only: only those with padding.
        grouped: write one group per channel (weight ``[C, 1, *kernel]``) and not a block-diagonal weight
            ``[C, C, *kernel]``; ``nir.read`` rejects grouped convolutions while its type checks are on.

    Requires nothing. Ensures that there is no SumPool2d (with padding) and that every value is the same: sums of
    spikes are whole numbers, exact in any float. What leaves the convolution counts as real; passes that need to
    know it as a whole number run before.
    """
    changed: dict[str, Node] = {}
    for name, node in program.nodes.items():
        if isinstance(node, SumPool2d) and (any(node.padding) or not padded_only):
            channels = program.shapes[name][0]
            pattern = np.ones((channels, 1)) if grouped else np.eye(channels)
            weight = np.tile(pattern[:, :, None, None], (1, 1, *node.kernel)).astype(np.float32)
            changed[name] = Conv2d(weight, stride=node.strides, padding=node.padding, groups=channels if grouped else 1)
    return exchange(program, changed)
