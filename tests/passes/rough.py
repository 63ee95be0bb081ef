"""Programs with weights and thresholds as training leaves them: on no grid."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from neurofer.ir import nodes as n
from neurofer.passes import lower
from neurofer.passes.rewire import exchange
from tests.strategies import programs, rngs


def roughen(program, rng):
    """Weights off every grid; synapses leak by a power of two, which is what can be proved."""
    rough = {name: _rough(node, rng) for name, node in program.nodes.items() if node.synaptic or type(node) is n.Neuron}
    return exchange(program, rough)


def _rough(node, rng):
    if node.synaptic:
        bias = None if node.bias is None else _shaken(node.bias, 0.1, rng)
        return replace(node, weight=_shaken(node.weight, 0.3, rng), bias=bias)
    if node.alpha_syn is not None:
        node = replace(node, alpha_syn=np.where(np.asarray(node.alpha_syn) == 0.25, 0.75, node.alpha_syn))
    if node.theta is None:
        return node
    delta = None if node.delta is None else node.delta + 0.03 * rng.random()
    return replace(node, theta=node.theta + 0.03 * rng.random(), delta=delta)


def _shaken(values, by, rng):
    return (values + by * rng.normal(size=values.shape)).astype(np.float32)


@st.composite
def rough_programs(draw, **settings):
    """Random lowered programs with such weights."""
    return roughen(lower(draw(programs(**settings))), draw(rngs))
