"""Layers for cores without vectors (`layer_small.h`), compiled here: they spike as the reference does."""

import numpy as np
import pytest
from hypothesis import given, settings

from neurofer.backends.c.emit import sources
from neurofer.ir import BINARY, Contract, Edge, Program
from neurofer.ir import nodes as n
from neurofer.passes import lower
from tests.backends.c import executable
from tests.networks import in_a_row
from tests.strategies import frames, programs, rngs

STEPS = 5
FAST = (*executable.STRICT, "-O1")
IF, PER_CHANNEL = n.Neuron(theta=16.0), n.Neuron(theta=np.arange(8.0, 32.0).repeat(81).reshape(24, 9, 9))
NEURONS = {
    "if": IF,
    "negative threshold": n.Neuron(theta=-8.0, v_reset=-32.0, v_init=-4.0),
    "soft": n.Neuron(theta=16.0, reset="soft"),
    "leak": n.Neuron(alpha_mem=0.5, theta=16.0),
    "offset": n.Neuron(theta=16.0, offset=0.5),
    "per channel": PER_CHANNEL,
}


def rng():
    return np.random.default_rng(3)


def weights(*shape):
    """Whole numbers of 8 bits, the extremes among them."""
    return rng().integers(-128, 128, shape).astype(np.float32)


def same(program, density=0.3, x=None):
    """Assert that small code gives the reference's spikes and outputs, in a sequence and in single steps."""
    if x is None:
        shape = (program.contract.steps, 2, *program.shapes["input"])
        x = {"input": (rng().random(shape) < density).astype(np.uint8)}
    assert executable.same(program, x, ["cc"], FAST, small=True).count


def layer(channels, size, conv, neuron=IF):
    nodes = {"input": n.Input((channels, *size), BINARY), "conv": conv, "fire": neuron, "output": n.Output()}
    return in_a_row(nodes, Contract(steps=STEPS))


@pytest.mark.parametrize("neuron", NEURONS.values(), ids=NEURONS)
def test_neurons(neuron):
    same(layer(2, (9, 9), n.Conv2d(weights(24, 2, 3, 3), padding=1), neuron))


@pytest.mark.parametrize(
    ("channels", "size", "conv"),
    [
        (3, (7, 11), n.Conv2d(weights(8, 3, 3, 2), weights(8), stride=(2, 1), padding=(1, 2))),
        (5, (6, 13), n.Conv2d(weights(10, 5, 2, 7), padding=(0, 3), dilation=(2, 1))),
        (4, (9, 9), n.Conv2d(weights(17, 4, 3, 3), dilation=2)),
        (40, (4, 5), n.Conv2d(weights(72, 40, 3, 3), padding=1)),  # several words, several blocks of outputs
        (2, (3, 3), n.Conv2d(weights(4, 2, 3, 3), padding=4)),  # windows beside the input
    ],
    ids=["stride", "rows apart", "dilation", "wide", "outside"],
)
def test_windows(channels, size, conv):
    same(layer(channels, size, conv))


@pytest.mark.parametrize("densities", [(0.0,), (1.0,), (0.9, 0.01)], ids=["few", "all", "by turns"])
def test_sums_beyond_16_bits(densities):
    weight = weights(25, 600)
    weight[0], weight[1] = 127, -128
    nodes = {
        "input": n.Input((600,), BINARY),
        "fc": n.Linear(weight),
        "fire": n.Neuron(theta=100.0),
        "output": n.Output(),
    }
    density = np.resize(densities, STEPS)[:, None, None]
    x = (rng().random((STEPS, 2, 600)) < density).astype(np.uint8)
    x[0, 0, 0] = 1
    same(in_a_row(nodes, Contract(steps=STEPS)), x={"input": x})


def test_sums_of_planes():
    conv, last = weights(6, 2, 3, 3), weights(20, 6, 3, 3)
    nodes = {"input": n.Input((2, 8, 8), BINARY), "conv": n.Conv2d(conv, padding=1), "a": IF}
    nodes |= {"next": n.Conv2d(weights(6, 6, 1, 1)), "b": IF, "last": n.Conv2d(last), "c": IF, "output": n.Output()}
    edges = ["input conv", "conv a", "a next", "next b", "a last", "b last", "last c", "c output"]
    same(Program(nodes, tuple(Edge(*edge.split()) for edge in edges), Contract(steps=STEPS)))


@pytest.mark.slow
@settings(max_examples=40)
@given(programs(), rngs)
def test_any_program(program, rng):
    program = lower(program)
    executable.same(program, frames(rng, program), ["cc"], executable.SANITIZED, small=True)


def test_small_code_needs_no_room_and_no_vectors():
    program = layer(8, (9, 9), n.Conv2d(weights(24, 8, 3, 3), padding=1))
    small, wide = sources(program, small=True), sources(program)
    assert small.plan.ram < wide.plan.ram / 4
    assert "_mm512" in wide.code
    assert "_mm512" not in small.code
    assert "#define NEUROFER_PLAIN" in small.code
