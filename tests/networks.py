"""Small programs that several test modules use. Weights are dyadic, so that every runtime computes the same bits."""

from itertools import pairwise

import numpy as np

from neurofer.ir import BINARY, Contract, Edge, Program, Readout
from neurofer.ir import nodes as n


def grid(rng, *shape, scale=0.4, bits=6):
    """Normal weights rounded to multiples of ``2 ** -bits``, float32."""
    return (np.round(rng.normal(size=shape) * scale * 2**bits) / 2**bits).astype(np.float32)


def chain(*pairs):
    """Edges from names: ``chain(("a", "b"), ("b", "c", 1))``."""
    return tuple(Edge(*pair) for pair in pairs)


def in_a_row(nodes, contract):
    """A program whose nodes follow each other."""
    names = list(nodes)
    return Program(nodes, chain(*pairwise(names)), contract)


def convolutional(neuron=None, *, seed=1, steps=8):
    """Convolution, neuron, lowered max pooling with padding, two linear layers, integrator."""
    rng = np.random.default_rng(seed)
    neuron = neuron or n.Neuron()
    nodes = {
        "input": n.Input((2, 8, 8), BINARY),
        "conv": n.Conv2d(grid(rng, 4, 2, 3, 3), grid(rng, 4, scale=0.1), padding=1),
        "spike1": neuron,
        "pool.sum": n.SumPool2d(3, 2, 1),
        "pool": n.Threshold(0.5),
        "flatten": n.Flatten(),
        "fc1": n.Linear(grid(rng, 5, 64, scale=0.3)),
        "spike2": neuron,
        "fc2": n.Linear(grid(rng, 3, 5)),
        "integrator": n.Neuron(theta=None),
        "output": n.Output(),
    }
    return in_a_row(nodes, Contract(steps=steps, readout=Readout("last")))


def residual(*, downsample=False, seed=2, steps=8):
    """A SEW block: the spikes of a layer are added to its input, or to a second branch of it."""
    rng = np.random.default_rng(seed)
    nodes = {
        "input": n.Input((2, 8, 8), BINARY),
        "conv1": n.Conv2d(grid(rng, 4, 2, 3, 3), padding=1),
        "spike1": n.Neuron(),
        "conv2": n.Conv2d(grid(rng, 4, 4, 3, 3), padding=1),
        "spike2": n.Neuron(),
        "flatten": n.Flatten(),
        "fc": n.Linear(grid(rng, 5, 256, scale=0.3)),
        "spike3": n.Neuron(),
        "output": n.Output(),
    }
    edges = [("input", "conv1"), ("conv1", "spike1"), ("spike1", "conv2"), ("conv2", "spike2"), ("spike2", "flatten")]
    if downsample:
        nodes |= {"conv3": n.Conv2d(grid(rng, 4, 4, 1, 1)), "spike4": n.Neuron()}
        edges += [("spike1", "conv3"), ("conv3", "spike4"), ("spike4", "flatten")]
    else:
        edges += [("spike1", "flatten")]
    edges += [("flatten", "fc"), ("fc", "spike3"), ("spike3", "output")]
    return Program(nodes, chain(*edges), Contract(steps=steps))


def recurrent(neuron=None, *, seed=3, steps=12):
    """A layer that hears its own spikes of the step before."""
    rng = np.random.default_rng(seed)
    nodes = {
        "input": n.Input((6,), BINARY),
        "fc": n.Linear(grid(rng, 5, 6, scale=0.5)),
        "spike": neuron or n.Neuron(alpha_mem=0.5),
        "w_rec": n.Linear(grid(rng, 5, 5)),
        "output": n.Output(),
    }
    edges = chain(("input", "fc"), ("fc", "spike"), ("spike", "w_rec"), ("w_rec", "spike", 1), ("spike", "output"))
    return Program(nodes, edges, Contract(steps=steps))


def spikes_for(program, *, samples=2, density=0.3, seed=0):
    """Bernoulli spikes ``[T, N, *shape]`` for a program with one input."""
    rng = np.random.default_rng(seed)
    return (rng.random((program.contract.steps, samples, *program.shapes["input"])) < density).astype(np.uint8)


def replaced(program, **nodes):
    """The program with some nodes exchanged."""
    return program.with_nodes({**program.nodes, **nodes})
