"""Random programs of every node kind NIR has, and small graphs as others would write them."""

import itertools

import nir
import numpy as np
from hypothesis import strategies as st

from neurofer.ir import BINARY, Contract, Domain, Edge, Program, Readout
from neurofer.ir import nodes as n
from tests.strategies import rngs

coefficients = st.floats(-4, 4, allow_subnormal=False)
SIDES = st.integers(1, 3)


@st.composite
def any_neurons(draw, shape):
    """A Neuron of any kind whose coefficients are any numbers, some of them per neuron."""
    rng = draw(rngs)

    def some(least=-4.0, most=4.0):
        if draw(st.booleans()):
            return draw(st.floats(least, most))
        return rng.uniform(least, most, shape)

    spiking, soft, cuba = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    return n.Neuron(
        alpha_mem=draw(st.sampled_from((1.0, 0.0))) if draw(st.booleans()) else some(0.0, 1.0),
        gain=some(),
        offset=0.0 if draw(st.booleans()) else some(),
        theta=some() if spiking else None,
        compare=draw(st.sampled_from((">=", ">"))),
        reset="soft" if soft else "hard",
        v_reset=some(),
        delta=some() if draw(st.booleans()) else None,
        v_init=some(),
        alpha_syn=some(0.0, 1.0) if cuba else None,
        w_in=some(),
        i_init=some(),
    )


def _weight(rng, shape, kind):
    return rng.standard_normal(shape).astype(kind)


@st.composite
def _layer(draw, shape):
    """A node that takes ``shape``, of any kind NIR has."""
    rng = draw(rngs)
    kind = draw(st.sampled_from((np.float32, np.float64)))
    options = ["neuron", "scale", "threshold", "delay"]
    options += {1: ["linear"] * 3, 2: ["conv", "flatten"], 3: ["conv"] * 2 + ["pool", "flatten"]}[len(shape)]
    match draw(st.sampled_from(options)):
        case "neuron":
            return draw(any_neurons(shape))
        case "scale":
            return n.Scale(draw(coefficients) if draw(st.booleans()) else rng.standard_normal(shape))
        case "threshold":
            return n.Threshold(draw(coefficients), draw(st.sampled_from((">=", ">"))))
        case "delay":
            return n.Delay(draw(st.integers(0, 3)) if draw(st.booleans()) else rng.integers(0, 4, shape))
        case "linear":
            out = draw(SIDES)
            return n.Linear(_weight(rng, (out, *shape), kind), draw(st.sampled_from((None, np.ones(out, kind)))))
        case "flatten":
            return n.Flatten(draw(st.integers(0, 1)), draw(st.sampled_from((-1, len(shape) - 1, 1))))
        case "pool":
            pool = draw(st.sampled_from((n.SumPool2d, n.AvgPool2d)))
            kernel = tuple(draw(st.integers(1, min(side, 3))) for side in shape[1:])
            return pool(kernel, draw(st.tuples(SIDES, SIDES)), tuple(draw(st.integers(0, k - 1)) for k in kernel))
    groups = draw(st.sampled_from([g for g in (1, 2, 3) if shape[0] % g == 0]))
    out = groups * draw(st.integers(1, 2))
    kernel = tuple(draw(st.integers(1, min(side, 3))) for side in shape[1:])
    weight = _weight(rng, (out, shape[0] // groups, *kernel), kind)
    bias = draw(st.sampled_from((None, np.ones(out, kind))))
    settings = {"groups": groups, "dilation": draw(st.integers(1, 2)), "padding": "same"}
    if draw(st.booleans()):
        settings |= {"dilation": 1, "padding": draw(st.integers(0, 2)), "stride": draw(SIDES)}
    return (n.Conv1d if len(shape) == 2 else n.Conv2d)(weight, bias, **settings)


@st.composite
def nir_programs(draw):
    """A Program of everything NIR has a node for: several inputs and outputs, sums, recurrence, any contract."""
    shape = draw(st.sampled_from(((3,), (2, 5), (2, 5, 4))))
    domain = draw(st.sampled_from((BINARY, Domain("code", 255), Domain("integer", 3), Domain("real"))))
    nodes: dict[str, n.Node] = {"in.put": n.Input(shape, domain)}
    edges: list[Edge] = []
    last = "in.put"
    if draw(st.booleans()):
        nodes |= {"zweite Eingabe": n.Input(shape), "sum": n.Scale(2.0)}
        edges += [Edge("in.put", "sum"), Edge("zweite Eingabe", "sum")]
        last = "sum"
    for index in range(draw(st.integers(1, 5))):
        name = f"{10 - index}.layer"
        nodes[name] = draw(_layer(Program({**nodes, "o": n.Output()}, (*edges, Edge(last, "o"))).shapes[last]))
        edges.append(Edge(last, name))
        if isinstance(nodes[name], n.Neuron) and draw(st.booleans()):
            nodes[f"{name}.back"] = n.Scale(draw(coefficients))
            away = draw(st.booleans())  # delayed on its way out of the neuron, or on its way back
            edges += [Edge(name, f"{name}.back", int(away)), Edge(f"{name}.back", name, int(not away))]
        last = name
    nodes["out.put"] = n.Output()
    edges.append(Edge(last, "out.put"))
    if draw(st.booleans()):
        nodes["also"] = n.Output()
        edges.append(Edge("in.put", "also"))
    contract = Contract(
        dt=draw(st.floats(1e-6, 1.0)),
        scheme=draw(st.sampled_from(("euler", "exponential"))),
        steps=draw(st.integers(1, 100)),
        encoder=draw(st.sampled_from(("events", "constant", "poisson"))),
        readout=Readout(draw(st.sampled_from(("sum", "last", "rate", "argmax"))), "out.put"),
        preprocessing=draw(st.text(st.characters(blacklist_categories=["Cs"]), max_size=5)),
    )
    return Program(nodes, edges, contract)


def full(*values, shape=(2,)):
    """Float64 arrays of one shape, one for each value."""
    return [np.full(shape, value, np.float64) for value in values]


def others(nodes, edges=None, shape=(2,)):
    """A graph without metadata: input -> nodes in a row (or ``edges``) -> output."""
    ends = {"input": nir.Input(np.array(shape)), "output": nir.Output(np.array(shape))}
    row = ["input", *nodes, "output"]
    edges = list(itertools.pairwise(row)) if edges is None else edges
    return nir.NIRGraph({**ends, **nodes}, edges, type_check=False)
