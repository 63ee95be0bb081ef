"""A network on sinabs' layers, step by step, all samples at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import sinabs.activation as sa
import sinabs.layers as sl
import torch
from torch import Tensor
from torch.nn import functional

Step = Callable[[Tensor], Tensor]


def run(plan: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Return the values ``[T, N, *shape]`` of every node wanted, as ``K.out``."""
    tensors = {key: torch.from_numpy(value) for key, value in arrays.items()}
    nodes = plan["nodes"]
    steps = [_step(node, _own(tensors, k)) for k, node in enumerate(nodes)]
    kept: dict[int, list[Tensor]] = {k: [] for k in plan["wanted"]}
    values: dict[int, Tensor] = {}
    with torch.no_grad():
        for t in range(plan["steps"]):
            before, values = values, {k: values[k] for k in plan["static"] if t}
            for k, node in enumerate(nodes):
                if k in values:
                    continue
                if node["kind"] == "Input":
                    values[k] = tensors[f"{k}.frames"][t].float()
                    continue
                terms = [(before if late else values).get(source) for source, late in node["edges"]]
                values[k] = steps[k](_gather(node, [term for term in terms if term is not None], values))
            for k, frames in kept.items():
                frames.append(values[k])
    return {f"{k}.out": torch.stack(frames).numpy() for k, frames in kept.items()}


def _own(tensors: dict[str, Tensor], k: int) -> dict[str, Tensor]:
    return {key.partition(".")[2]: value for key, value in tensors.items() if key.partition(".")[0] == str(k)}


def _gather(node: dict[str, Any], terms: list[Tensor], values: dict[int, Tensor]) -> Tensor:
    if node["kind"] == "Concat":
        return torch.cat(terms, node["axis"])
    if not terms:  # the first step of a node that only delayed edges enter
        return torch.zeros(len(next(iter(values.values()))), *node["entering"])
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _step(node: dict[str, Any], own: dict[str, Tensor]) -> Step:
    match node["kind"]:
        case "Neuron":
            return _neuron(node, own)
        case "Delay":
            return _delay(own["steps"].long())
        case "Linear":
            return lambda x: functional.linear(x, own["weight"], own.get("bias"))
        case "Conv1d" | "Conv2d":
            convolve = functional.conv1d if node["kind"] == "Conv1d" else functional.conv2d
            settings = {key: node[key] for key in ("stride", "dilation", "groups")}
            return lambda x: convolve(_padded(x, node["pads"]), own["weight"], own.get("bias"), **settings)
        case "SumPool2d" | "AvgPool2d":
            area = 1 if node["kind"] == "SumPool2d" else math.prod(node["kernel"])
            window = (tuple(node["kernel"]), tuple(node["stride"]))
            return lambda x: functional.avg_pool2d(_padded(x, node["pads"]), *window, divisor_override=area)
        case "MaxPool2d":
            window = (tuple(node["kernel"]), tuple(node["stride"]))
            return lambda x: functional.max_pool2d(_padded(x, node["pads"], -math.inf), *window)
        case "Scale":
            return lambda x: x * own["scale"]
        case "Relu":
            return torch.relu
        case "Flatten":
            return lambda x: x.reshape(len(x), *node["shape"])
        case "Threshold":
            return lambda x: (x >= own["theta"]).float()
        case "Concat" | "Dropout" | "Output" | "Input":
            return lambda x: x
    raise ValueError(f"no step for a {node['kind']}")


def _padded(x: Tensor, pads: list[list[int]], value: float = 0.0) -> Tensor:
    widths = [width for pair in reversed(pads) for width in pair]
    return functional.pad(x, widths, value=value) if any(widths) else x


def _delay(steps: Tensor) -> Step:
    ring: list[Tensor] = []

    def step(x: Tensor) -> Tensor:
        ring[:] = [x, *(ring or [torch.zeros_like(x)] * int(steps.max()))][: int(steps.max()) + 1]
        return torch.stack(ring).gather(0, steps.expand_as(x)[None])[0]

    return step


def _neuron(node: dict[str, Any], own: dict[str, Tensor]) -> Step:
    """A synapse is an ExpLeak; a membrane is an IAF where nothing leaks, else a LIF, without a threshold an ExpLeak."""
    synapse = None if "alpha_syn" not in own else _decaying(sl.ExpLeak, own["alpha_syn"])
    if "theta" not in own:
        membrane = _decaying(sl.ExpLeak, own["alpha_mem"])
    else:
        spikes = {"spike_threshold": own["theta"], "spike_fn": sa.SingleSpike, "reset_fn": _reset(node, own)}
        perfect = node["perfect"]
        membrane = sl.IAF(**spikes) if perfect else _decaying(sl.LIF, own["alpha_mem"], **spikes)
    gain, offset = own["gain"], own["offset"]
    started = False

    def step(x: Tensor) -> Tensor:
        nonlocal started
        if not started:
            _start(membrane, own["v_init"], x)
            if synapse is not None:
                _start(synapse, own["i_init"], x)
            started = True
        if synapse is not None:
            x = synapse((own["w_in"] * x).unsqueeze(1)).squeeze(1)
        out: Tensor = membrane((gain * x + offset).unsqueeze(1)).squeeze(1)
        return out

    return step


def _decaying(layer: Any, alpha: Tensor, **settings: Any) -> Any:
    """Return a layer whose decay is exactly ``alpha``, not the exponential of a time constant."""
    made = layer(tau_mem=torch.ones_like(alpha), train_alphas=True, norm_input=False, **settings)
    made.alpha_mem.data = alpha
    return made


def _reset(node: dict[str, Any], own: dict[str, Tensor]) -> Any:
    if node["reset"] == "soft":
        return sa.MembraneSubtract(subtract_value=own["delta"])
    if not own["v_reset"].any():
        return sa.MembraneReset()

    def reset(spikes: Tensor, state: dict[str, Tensor], threshold: Tensor) -> dict[str, Tensor]:
        del threshold
        # sinabs' MembraneReset adds its reset value to the neurons that did not fire, too
        return {**state, "v_mem": torch.where(spikes > 0, own["v_reset"], state["v_mem"])}

    return reset


def _start(layer: Any, value: Tensor, x: Tensor) -> None:
    layer.init_state_with_shape(tuple(x.shape))
    layer.v_mem = value.expand_as(x).clone()
