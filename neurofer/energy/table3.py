"""The settings behind Table 3 of Spiking-FER, read from the authors' public code (github.com/Barchid/snn-fer).

They reproduce the paper's E_ANN to the last printed digit, and they are not physical: the meter squares an argument
that is already the area of the map, so that a layer weighs H^4 instead of H^2.
"""

from __future__ import annotations

from collections import Counter

from neurofer.energy.count import synaptic
from neurofer.errors import UsageError
from neurofer.ir import Program
from neurofer.ir.nodes import Conv2d

INPUT_SHAPE = (2, 128, 128)
CLASSIFIER_FLOPS = 512 * 4
NOTES = (
    "not physical: computed as the authors' code computes Table 3, which squares the area of the map (O^4 for O^2)",
    "always SEW-ResNet-18 at 128 x 128 with 2 input channels, whatever the network was run on",
    "1 x 1 downsampling convolutions counted with k = 3; one classifier 512 x 4 (2048 FLOPs) that never spikes",
    "E_SNN = FLOPs x rate x E_AC, the rate of the convolution's own neurons per step: 1 / T of what equation 4 gives",
)

Form = tuple[int, int, int]
"""Output channels, input channels (0 for the stem, which takes any), kernel size."""


def _forms() -> Counter[Form]:
    """Return the convolutions of a SEW-ResNet-18 of width 64."""
    forms = Counter({(64, 0, 7): 1, (64, 64, 3): 4})
    for channels in (128, 256, 512):
        forms.update({(channels, channels // 2, 3): 1, (channels, channels, 3): 3, (channels, channels // 2, 1): 1})
    return forms


def _form(node: Conv2d) -> Form:
    out, inputs, kernel, _ = node.weight.shape
    return (out, 0 if kernel == 7 else inputs * node.groups, kernel)


def flops(program: Program) -> dict[str, int]:
    """Return the FLOPs of every convolution of a SEW-ResNet-18 as the authors' code counts them.

    Raises:
        UsageError: the convolutions are not those of a SEW-ResNet-18 of width 64.
    """
    found = {name: node for name, node in synaptic(program) if isinstance(node, Conv2d)}
    expected, forms = _forms(), Counter(_form(node) for node in found.values())
    if forms != expected:
        raise UsageError(
            "paper-table3 is defined for SEW-ResNet-18 of width 64 alone",
            why=f"of its {expected.total()} convolutions {(expected - forms).total()} are missing, and "
            f"{(forms - expected).total()} that were found do not belong to it",
            next_step="use the formula eq4-8 or exact",
        )
    return {name: _meter(*_form(node)) for name, node in found.items()}


def _meter(out: int, inputs: int, kernel: int) -> int:
    stem = kernel == 7
    size = INPUT_SHAPE[1] // 2 if stem else INPUT_SHAPE[1] * 16 // out  # 32 at 64 channels, halved as they double
    return max(kernel, 3) ** 2 * size**4 * (INPUT_SHAPE[0] if stem else inputs) * out
