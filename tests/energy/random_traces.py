"""Traces without a run: spikes drawn at random, or exactly as many as asked for."""

import math

import numpy as np

from neurofer.ir import Spikes, Trace
from neurofer.ir.nodes import spikes


def random_trace(program, rng, samples=1, density=0.2):
    """A trace of random spikes on every spiking node and Input of ``program``."""
    steps = program.contract.steps

    def draw(name):
        return rng.random((steps, samples, *program.shapes[name]), dtype=np.float32) < density

    trains = {name: Spikes.pack(draw(name)) for name, node in program.nodes.items() if spikes(node)}
    return Trace(steps, samples, {name: draw(name) for name in program.inputs}, trains)


def uniform_trace(program, rate):
    """A trace of one sample with ``rate`` spikes per neuron and step on every node, to the nearest spike."""
    steps = program.contract.steps

    def draw(name):
        size = steps * math.prod(program.shapes[name])
        return (np.arange(size) < round(rate * size)).reshape(steps, 1, *program.shapes[name])

    trains = {name: Spikes.pack(draw(name)) for name, node in program.nodes.items() if spikes(node)}
    return Trace(steps, 1, {name: draw(name) for name in program.inputs}, trains)
