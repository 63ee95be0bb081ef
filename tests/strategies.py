"""Hypothesis strategies for small random programs.

All weights, thresholds and leaks are dyadic with few bits, so every sum and membrane is exact in float64 (and in
float32 for a few steps): what must be equal can be compared bit for bit, and membranes land on their thresholds
often.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from neurofer.ir import BINARY, Contract, Domain, Edge, Program, Readout
from neurofer.ir import nodes as n

LEAKS = (1.0, 0.5, 0.75)
BLOCKS = (
    "spikes",
    "batchnorm",
    "integrator",
    "maxpool",
    "sumpool",
    "avgpool",
    "residual",
    "recurrent",
    "branch",
    "dropout",
    "threshold",
    "scale",
    "delay",
)

rngs = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def dyadic(rng, shape, limit=4, bits=2):
    """Random multiples of ``2 ** -bits`` from ``-limit / 2 ** bits`` to ``limit / 2 ** bits``, float32."""
    return (rng.integers(-limit, limit + 1, shape) / 2**bits).astype(np.float32)


@st.composite
def neurons(draw, shape, *, spiking=True, current_based=None):
    """A Neuron of any kind with dyadic coefficients, some of them per neuron."""
    rng = draw(rngs)

    def coefficient(values):
        if draw(st.booleans()):
            return float(draw(st.sampled_from(values)))
        return rng.choice(np.asarray(values, np.float64), shape)

    soft = draw(st.booleans())
    values = {
        "alpha_mem": coefficient(LEAKS),
        "gain": coefficient((1.0, 0.5, 2.0)),
        "offset": coefficient((0.0, 0.0, 0.25)),
        "v_init": coefficient((0.0, 0.0, 0.5)),
    }
    if spiking:
        values |= {
            "theta": coefficient((0.5, 1.0, 1.5)),
            "compare": draw(st.sampled_from((">=", ">"))),
            "reset": "soft" if soft else "hard",
            "v_reset": 0.0 if soft else coefficient((0.0, 0.0, -0.5)),
            "delta": coefficient((0.75, 1.0)) if soft and draw(st.booleans()) else None,
        }
    else:
        values["theta"] = None
    if draw(st.booleans()) if current_based is None else current_based:
        values |= {"alpha_syn": coefficient((0.5, 0.25)), "w_in": coefficient((1.0, 0.5)), "i_init": 0.0}
    return n.Neuron(**values)


@st.composite
def batchnorms(draw, channels, *, exact=True):
    """A BatchNorm; with ``exact`` its factor is dyadic, so that folding it rounds nothing."""
    rng = draw(rngs)
    mean, bias = dyadic(rng, channels), dyadic(rng, channels)
    if exact:
        var, weight = rng.choice([0.25, 1.0, 4.0], channels), rng.choice([0.5, 1.0, -2.0], channels)
        return n.BatchNorm(mean, var, weight, bias, eps=0.0)
    return n.BatchNorm(mean, rng.uniform(0.1, 3.0, channels), rng.uniform(-2.0, 2.0, channels), bias)


@dataclass
class Sketch:
    """A graph that grows node by node behind its ``last`` one."""

    nodes: dict[str, n.Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    last: tuple[str, ...] = ()

    def add(self, node, name="", sources=None):
        """Add a node behind ``sources`` (behind the last ones by default) and return its name."""
        name = name or f"{type(node).__name__.lower()}{len(self.nodes)}"
        self.nodes[name] = node
        self.edges += [Edge(source, name) for source in (self.last if sources is None else sources)]
        self.last = (name,)
        return name

    def program(self, contract=None):
        """Return the Program of a sketch that ends in its Output."""
        return Program(self.nodes, tuple(self.edges), contract or Contract(steps=4))

    def _ended(self):
        return Program(self.nodes | {"end": n.Output()}, (*self.edges, *(Edge(s, "end") for s in self.last)))

    @property
    def shape(self):
        """The shape of what would enter the next node."""
        return self._ended().input_shape("end")

    @property
    def domain(self):
        """The domain of what would enter the next node."""
        return self._ended().input_domain("end")


def chain(*nodes, contract=None):
    """A Program whose nodes follow each other; an Output is added. A pair gives a node a name."""
    sketch = Sketch()
    for item in nodes:
        name, node = item if isinstance(item, tuple) else ("", item)
        sketch.add(node, name)
    sketch.add(n.Output(), "output")
    return sketch.program(contract)


@dataclass
class Growth(Sketch):
    """A sketch that draws what it adds. Each of BLOCKS is a method."""

    draw: Any = None
    rng: Any = None

    def weights(self, shape, *, same=False):
        """A random layer behind ``shape``; with ``same`` its output has that shape."""
        bias = self.draw(st.booleans())
        if len(shape) == 1:
            out = shape[0] if same else self.draw(st.integers(1, 4))
            return n.Linear(dyadic(self.rng, (out, shape[0])), dyadic(self.rng, out) if bias else None)
        channels = shape[0]
        out = channels if same else self.draw(st.sampled_from((1, 2, 4)))
        groups = self.draw(st.sampled_from([g for g in (1, 2) if channels % g == 0 and out % g == 0]))
        kernel = 3 if same else self.draw(st.integers(1, min(3, *shape[1:])))
        stride = 1 if same else self.draw(st.sampled_from((1, 1, 2)))
        padding = 1 if same else self.draw(st.sampled_from((0, 1)))
        weight = dyadic(self.rng, (out, channels // groups, kernel, kernel))
        return n.Conv2d(weight, dyadic(self.rng, out) if bias else None, stride, padding, 1, groups)

    def spikes(self, *, same=False):
        self.add(self.weights(self.shape, same=same))
        self.add(self.draw(neurons(self.shape)))

    def batchnorm(self):
        self.add(self.weights(self.shape))
        self.add(self.draw(batchnorms(self.shape[0])))
        self.add(self.draw(neurons(self.shape)))

    def integrator(self):
        self.add(self.weights(self.shape))
        self.add(self.draw(neurons(self.shape, spiking=False)))
        self.spikes()

    def _pool(self, kind):
        if len(self.shape) == 3 and min(self.shape[1:]) > 1:
            kernel = self.draw(st.sampled_from(((2, 2), (1, 2), (2, 1))))
            padding = self.draw(st.sampled_from(((0, 0), (kernel[0] - 1, kernel[1] - 1))))
            self.add(kind(kernel, self.draw(st.sampled_from((None, (1, 1)))), padding))

    def maxpool(self):
        if self.domain.kind == "binary":
            self._pool(n.MaxPool2d)

    def sumpool(self):
        self._pool(n.SumPool2d)

    def avgpool(self):
        self._pool(n.AvgPool2d)

    def residual(self):
        before = self.last
        self.spikes(same=True)
        self.last = (*before, *self.last)

    def recurrent(self):
        self.spikes()
        neuron = self.last[0]
        back = self.add(self.weights(self.shape, same=True))
        self.edges.append(Edge(back, neuron, 1))
        self.last = (neuron,)

    def branch(self):
        before, shape = self.last, self.shape
        ends = []
        for _ in range(2):
            self.last = before
            self.add(self.weights(shape, same=True))
            ends.append(self.add(self.draw(neurons(shape))))
        self.add(n.Concat(0), sources=ends)

    def dropout(self):
        self.add(n.Dropout(0.5))

    def threshold(self):
        self.add(n.Threshold(0.5, self.draw(st.sampled_from((">", ">=")))))

    def scale(self):
        self.add(n.Scale(self.rng.choice([0.5, 1.0, 2.0], self.shape)))

    def delay(self):
        self.add(n.Delay(self.rng.integers(0, 3, self.shape)))


@st.composite
def programs(draw, *, blocks=BLOCKS, image=None, readouts=("sum", "last", "rate", "argmax"), most=4):
    """A small Program that spikes: one to ``most`` blocks, then Flatten, Linear and a neuron before the Output.

    Args:
        draw: given by hypothesis.
        blocks: the kinds of block to draw from, of BLOCKS.
        image: whether the input is ``[C, H, W]`` and not a vector; either by default.
        readouts: the reductions of the contract to draw from.
        most: the largest number of blocks.
    """
    grown = Growth(draw=draw, rng=draw(rngs))
    image = draw(st.booleans()) if image is None else image
    domain = draw(st.sampled_from((BINARY, BINARY, Domain("code", 3))))
    grown.add(n.Input((2, 5, 6) if image else (5,), domain), "input")
    grown.spikes()
    for kind in draw(st.lists(st.sampled_from(blocks), min_size=1, max_size=most)):
        getattr(grown, kind)()
    if len(grown.shape) == 3:
        grown.add(n.Flatten(), "flatten")
    grown.add(n.Linear(dyadic(grown.rng, (3, grown.shape[0]))), "head")
    grown.add(draw(neurons((3,))), "out")
    grown.add(n.Output(), "output")
    return grown.program(Contract(steps=draw(st.integers(1, 5)), readout=Readout(draw(st.sampled_from(readouts)))))


def frames(rng, program, samples=2):
    """Random input for the program's first Input, within its domain: ``[T, N, *shape]`` float32."""
    name = program.inputs[0]
    shape = (program.contract.steps, samples, *program.shapes[name])
    top = program.domains[name].max
    values = dyadic(rng, shape) if top is None else rng.integers(0, top + 1, shape)
    return values.astype(np.float32)
