"""What the tests of simulators in environments of their own share."""

from itertools import pairwise

import numpy as np
import pytest

from neurofer.backends import environments, reference
from neurofer.ir import Contract, Program, Readout
from neurofer.ir import nodes as n
from neurofer.verify import verify
from tests.networks import BINARY, chain, convolutional, grid, recurrent, residual, spikes_for

LIF = n.Neuron(alpha_mem=0.5, gain=0.5, theta=0.25)


def needs(name):
    """Marks for a module whose tests run a simulator: slow, and skipped where it is not set up."""
    state = environments.status(name).state
    reason = f"the environment {name} is {state}; make test-simulators sets it up"
    return [pytest.mark.slow, pytest.mark.skipif(state != "ready", reason=reason)]


def judge(program, target, importer="neurofer", x=None):
    """The verdict on one simulator through one importer."""
    golden = reference.run(program, spikes_for(program) if x is None else x)
    return verify(program, golden, on=[target], importers=[importer])[0]


def assert_exact(verdict, least=10):
    assert verdict.verdict == "EXACT", verdict.reason
    assert verdict.spikes_compared >= least
    assert verdict.nodes_compared == verdict.nodes_total


def joined(steps=8):
    """Two branches of grouped and dilated convolutions and average pooling, joined; a scale and a delay after them."""
    rng = np.random.default_rng(7)
    nodes = {
        "input": n.Input((4, 8, 8), BINARY),
        "grouped": n.Conv2d(grid(rng, 4, 2, 3, 3), grid(rng, 4, scale=0.2), stride=2, padding=1, groups=2),
        "dilated": n.Conv2d(grid(rng, 4, 4, 3, 3), padding=2, dilation=2),
        "mean": n.AvgPool2d(2),
        "concat": n.Concat(0),
        "scale": n.Scale(0.5),
        "spike1": n.Neuron(theta=0.5, compare=">"),
        "delay": n.Delay(2),
        "flatten": n.Flatten(),
        "fc": n.Linear(grid(rng, 5, 128, scale=0.3)),
        "spike2": n.Neuron(theta=np.array([0.5, 1.0, 0.75, 1.5, 0.25]), offset=0.125),
        "output": n.Output(),
    }
    edges = chain(
        ("input", "grouped"), ("input", "dilated"), ("dilated", "mean"), ("grouped", "concat"), ("mean", "concat"),
        ("concat", "scale"), ("scale", "spike1"), ("spike1", "delay"), ("delay", "flatten"), ("flatten", "fc"),
        ("fc", "spike2"), ("spike2", "output"),
    )  # fmt: skip
    return Program(nodes, edges, Contract(steps=steps))


def constant(steps=8):
    """An image of real values, the same at every step, into a convolution whose output is static."""
    rng = np.random.default_rng(9)
    nodes = {
        "input": n.Input((1, 6, 6)),
        "conv": n.Conv2d(grid(rng, 3, 1, 3, 3), grid(rng, 3, scale=0.2)),
        "spike1": n.Neuron(),
        "flatten": n.Flatten(),
        "fc": n.Linear(grid(rng, 4, 48, scale=0.5)),
        "accumulate": n.Neuron(theta=None),
        "head": n.Linear(grid(rng, 3, 4)),
        "output": n.Output(),
    }
    names = list(nodes)
    contract = Contract(steps=steps, encoder="constant", readout=Readout("last"))
    return Program(nodes, chain(*pairwise(names)), contract)


def image(seed=3):
    """Two images of dyadic values for `constant`."""
    return np.random.default_rng(seed).integers(0, 17, (2, 1, 6, 6)) / 16


NETWORKS = {
    "IF": convolutional(),
    "IF >": convolutional(n.Neuron(compare=">")),
    "LIF": convolutional(LIF),
    "gain and offset": convolutional(n.Neuron(gain=2.0, offset=0.125)),
    "v_reset and v_init": convolutional(n.Neuron(v_reset=0.25, v_init=0.5)),
    "residual": residual(),
    "second branch": residual(downsample=True),
    "recurrent LIF": recurrent(),
    "recurrent IF": recurrent(n.Neuron()),
    "joined": joined(),
}
"""Networks that sinabs, NEST and Brian2 run alike."""

MORE = {
    "soft": convolutional(n.Neuron(reset="soft")),
    "soft LIF": convolutional(n.Neuron(alpha_mem=0.5, reset="soft")),
    "soft, delta": convolutional(n.Neuron(reset="soft", theta=1.0, delta=0.75)),
    "CubaLIF": convolutional(n.Neuron(alpha_syn=0.5, alpha_mem=0.75, v_init=0.25, i_init=0.5)),
    "recurrent, soft": recurrent(n.Neuron(reset="soft")),
}
"""Networks that sinabs and Brian2 run, too."""
