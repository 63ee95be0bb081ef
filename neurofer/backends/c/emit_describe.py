"""What a compiled model says of itself: steps, inputs, outputs, and where the spikes of every node lie."""

from __future__ import annotations

import json
from typing import Any

from neurofer.backends.c.plan import Plan
from neurofer.backends.c.plan_stages import Fused, Port

_FEW = 2**18
"""Bytes of weights that stay near from one sample to the next."""

_TYPES = {"u8": "uint8", "i32": "int32", "i64": "int64", "f32": "float"}


def description(plan: Plan, *, record: bool) -> dict[str, Any]:
    """Return the description; the places of spikes only where they are kept."""
    spikes = []
    if record:
        found = plan.arena(layers=plan.sequence == "layers", record=True)
        spikes = [
            {
                "node": name,
                "shape": list(plan.program.shapes[name]),
                "grid": [buffer.layout.channels, buffer.layout.height, buffer.layout.width],
                "offset": found.offsets[buffer.name],
                "steps": buffer.slots or found.steps,
                "stride": buffer.layout.row,
            }
            for name, buffer in plan.spikes.items()
        ]
    return {
        "steps": plan.program.contract.steps,
        "sequence": plan.sequence,
        "inputs": [_port(port) for port in plan.inputs],
        "outputs": [_port(port) for port in plan.outputs],
        "spikes": spikes,
        "stages": [stage.node for stage in plan.stages],
        "together": _together(plan),
    }


def _together(plan: Plan) -> bool:
    """Return whether several samples share the reading of weights, and enough of them to need a state for each."""
    linear = [stage for stage in plan.stages if isinstance(stage, Fused) and stage.linear]
    largest = max((stage.weight.values.nbytes for stage in linear), default=0)
    return plan.sequence == "layers" and not plan.small and largest > _FEW


def _port(port: Port) -> dict[str, Any]:
    found = {"name": port.name, "shape": list(port.shape), "type": _TYPES[port.type]}
    return found | {"static": port.static, "exponent": port.exponent}


def described(plan: Plan, name: str) -> str:
    """Return the function that gives the description as JSON."""
    recorded, plain = (_string(json.dumps(description(plan, record=record))) for record in (True, False))
    return (
        f"\n#if defined(MODEL_RECORD) || defined(MODEL_DESCRIBE)\nconst char *{name}_describe(void)\n{{\n"
        f"    static const char text[] =\n#ifdef MODEL_RECORD\n{recorded}\n#else\n{plain}\n#endif\n    ;\n"
        f"    return text;\n}}\n#endif\n"
    )


def _string(text: str) -> str:
    """Return a text as a constant array: C99 need not take string literals of more than 4095 characters."""
    codes = [str(code) for code in text.encode()] + ["0"]
    rows = [", ".join(codes[k : k + 24]) for k in range(0, len(codes), 24)]
    return "        {" + ",\n         ".join(rows) + "}"
