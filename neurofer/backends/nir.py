"""NIR as a target: what its graphs can hold. Reading and writing them is `neurofer.ir.serde`."""

from __future__ import annotations

from neurofer.ir import Capabilities
from neurofer.ir import nodes as n

_LOWERED = "a pass of `neurofer.passes.lower`"

CAPABILITIES = Capabilities(
    nodes=frozenset({n.Linear, n.Conv1d, n.Conv2d, n.Scale, n.SumPool2d, n.AvgPool2d, n.Flatten, n.Threshold, n.Delay}),
    neurons=frozenset({"IF", "LIF", "CubaLIF", "I", "LI", "CubaLI"}),
    instead={"BatchNorm": _LOWERED, "MaxPool2d": _LOWERED, "Dropout": _LOWERED, "Relu": "export an ANN to ONNX"},
)
