"""Programs that take the paths of the C backend which random ones seldom take; weights are dyadic."""

from itertools import pairwise

import numpy as np

from neurofer.ir import BINARY, Contract, Domain, Edge, Program
from neurofer.ir import nodes as n
from tests.networks import in_a_row
from tests.strategies import dyadic

CODES = Domain("code", 255)
FOUR = Contract(steps=4)


def rng():
    return np.random.default_rng(7)


def program(nodes, edges, contract=FOUR):
    """A program from nodes and pairs (or triples with a delay) of names."""
    return Program(nodes, tuple(Edge(*edge) for edge in edges), contract)


def one_dimension():
    """Conv1d with stride, dilation, groups; soft reset."""
    r = rng()
    return in_a_row(
        {
            "input": n.Input((4, 11), BINARY),
            "conv": n.Conv1d(dyadic(r, (6, 2, 3)), dyadic(r, 6), 2, 2, 2, 2),
            "a": n.Neuron(0.5, theta=0.75, reset="soft"),
            "b": n.Conv1d(dyadic(r, (3, 6, 2)), None, 1, "same"),
            "c": n.Neuron(theta=0.75, compare=">", delta=0.5, reset="soft"),
            "output": n.Output(),
        },
        FOUR,
    )


def joined(axis):
    """Spikes, and values, joined along an axis."""
    r = rng()
    nodes = {"input": n.Input((2, 4, 4), BINARY)}
    edges = []
    for k in range(2):
        nodes |= {
            f"conv{k}": n.Conv2d(dyadic(r, (2, 2, 3, 3)), dyadic(r, 2), padding=1),
            f"spike{k}": n.Neuron(theta=0.5),
            f"next{k}": n.Conv2d(dyadic(r, (2, 2, 1, 1), bits=2 + k)),
        }
        edges += [("input", f"conv{k}"), (f"conv{k}", f"spike{k}"), (f"spike{k}", f"next{k}")]
    shape = [2, 4, 4]
    shape[axis] += 2 if axis % 3 == 0 else 4
    nodes |= {
        "spikes": n.Concat(axis),
        "values": n.Concat(axis),
        "after": n.Conv2d(dyadic(r, (2, shape[0], 3, 3))),
        "fire": n.Neuron(0.5),
        "leak": n.Neuron(0.5, theta=None),
        "output": n.Output(),
        "graded": n.Output(),
    }
    edges += [("spike0", "spikes"), ("spike1", "spikes"), ("next0", "values"), ("next1", "values")]
    edges += [("spikes", "after"), ("after", "fire"), ("fire", "output"), ("values", "leak"), ("leak", "graded")]
    return program(nodes, edges)


def feedback():
    """Delayed edges from an input, from a layer with a bias, from a neuron to itself, into a sum and an output."""
    r = rng()
    return program(
        {
            "input": n.Input((5,), BINARY),
            "in": n.Linear(dyadic(r, (4, 5)), dyadic(r, 4)),
            "a": n.Neuron(0.5, theta=0.75, v_init=0.25, v_reset=-0.5),
            "back": n.Linear(dyadic(r, (4, 4)), dyadic(r, 4)),
            "old": n.Linear(dyadic(r, (4, 5))),
            "flat": n.Flatten(),
            "b": n.Neuron(theta=1.0, reset="soft"),
            "mean": n.Scale(0.5),
            "output": n.Output(),
            "late": n.Output(),
        },
        [
            ("input", "in"), ("in", "a"), ("a", "back"), ("back", "a", 1), ("a", "a", 1), ("input", "old", 1),
            ("old", "b"), ("a", "flat", 1), ("flat", "b"), ("in", "b"), ("in", "mean", 1), ("mean", "b"),
            ("b", "output"), ("b", "late", 1), ("a", "late"),
        ],
        Contract(steps=5),
    )  # fmt: skip


def many_ports():
    """Two inputs of two kinds; outputs of spikes, sums of spikes, integers and float32."""
    r = rng()
    return program(
        {
            "spikes": n.Input((3, 4, 4), BINARY),
            "image": n.Input((3, 4, 4), CODES),
            "wide": n.Input((3, 4, 4), Domain("code", 1000)),
            "a": n.Conv2d(dyadic(r, (4, 3, 3, 3)), padding=1),
            "b": n.Conv2d(dyadic(r, (4, 3, 3, 3), bits=8), dyadic(r, 4, bits=9), padding=1),
            "c": n.Conv2d(dyadic(r, (4, 3, 1, 1), bits=10)),
            "fire": n.Neuron(theta=1.5, reset="soft"),
            "flat": n.Flatten(),
            "head": n.Linear(dyadic(r, (3, 64))),
            "third": n.Neuron(1 / 3, theta=None),
            "out": n.Output(),
            "sum": n.Output(),
            "values": n.Output(),
            "floats": n.Output(),
        },
        [
            ("spikes", "a"), ("image", "b"), ("wide", "c"), ("a", "fire"), ("b", "fire"), ("c", "fire"),
            ("fire", "out"), ("fire", "flat"), ("flat", "head"), ("head", "values"), ("fire", "sum"),
            ("a", "third"), ("third", "floats"), ("c", "sum"),
        ],
    )  # fmt: skip


def constant(domain=CODES):
    """The same image at every step: what has no memory is computed once."""
    r = rng()
    nodes = {
        "input": n.Input((2, 6, 6), domain),
        "conv": n.Conv2d(dyadic(r, (3, 2, 3, 3), bits=7), dyadic(r, 3), padding=1),
        "pool": n.SumPool2d((2, 2)),
        "max": n.MaxPool2d((2, 2)),
        "late": n.Delay(r.integers(0, 3, (2, 6, 6))),
        "late.conv": n.Conv2d(dyadic(r, (3, 2, 2, 2), bits=6), None, 2),
        "same": n.Conv2d(dyadic(r, (3, 2, 2, 2), bits=6), None, 2),
        "fire": n.Neuron(theta=2.0),
        "direct": n.Neuron(0.5, theta=3.0),
        "flat": n.Flatten(1),
        "row": n.Conv1d(dyadic(r, (2, 3, 3))),
        "end": n.Neuron(),
        "output": n.Output(),
    }
    edges = [
        ("input", "conv"), ("conv", "pool"), ("pool", "fire"), ("input", "late"), ("late", "late.conv"),
        ("late.conv", "fire"), ("input", "max"), ("max", "same.pad"), ("input", "direct"), ("fire", "flat"),
        ("flat", "row"), ("row", "end"), ("end", "output"),
    ]  # fmt: skip
    nodes["same.pad"] = n.Conv2d(dyadic(r, (3, 2, 1, 1), bits=6))
    edges += [("same.pad", "fire"), ("input", "same"), ("same", "fire")]
    return program(nodes, edges, Contract(steps=4, encoder="constant"))


def pictures(encoder):
    """Layers of an image that are fused with their neurons: soft, leaky, of many channels and of few."""
    r = rng()
    nodes = {"input": n.Input((3, 9, 7), CODES)}
    edges = []
    thetas = np.broadcast_to(r.choice([10.0, 30.0], (70, 1, 1)), (70, 5, 4))
    neurons = {64: n.Neuron(theta=20.0), 70: n.Neuron(0.5, theta=thetas, reset="soft")}
    for k, (outputs, neuron) in enumerate(neurons.items()):
        nodes |= {
            f"conv{k}": n.Conv2d(dyadic(r, (outputs, 3, 3, 3), bits=5), dyadic(r, outputs), 1 + k, 1),
            f"fire{k}": neuron,
            f"out{k}": n.Output(),
        }
        edges += [("input", f"conv{k}"), (f"conv{k}", f"fire{k}"), (f"fire{k}", f"out{k}")]
    return program(nodes, edges, Contract(steps=4, encoder=encoder))


def still():
    """What an image, or spikes, that never change pass through on the way to neurons."""
    r = rng()
    nodes = {"image": n.Input((2, 6, 6), CODES), "spikes": n.Input((2, 6, 6), BINARY)}
    edges = []
    thetas = np.broadcast_to(np.array([0.5, 1.0, 2.0]).reshape(3, 1, 1), (3, 6, 6))
    between = [None, n.Scale(2 * thetas), n.Relu(), n.Threshold(3.0)]
    for k, node in enumerate(between):
        for source, bits in (("image", 6), ("spikes", 2)):
            name = f"{source}{k}"
            nodes[f"{name}.conv"] = n.Conv2d(dyadic(r, (3, 2, 3, 3), bits=bits), dyadic(r, 3, bits=bits), padding=1)
            nodes |= {f"{name}.between": node} if node else {}
            nodes |= {f"{name}.fire": n.Neuron(theta=thetas), f"{name}.out": n.Output()}
            row = [source, *(key for key in nodes if key.startswith(name))]
            edges += list(pairwise(row))
    return program(nodes, edges, Contract(steps=4, encoder="constant"))


def pooled():
    """Pooling of values and of sums of spikes, with padding; a mean of nine, which is on no grid."""
    r = rng()
    return program(
        {
            "input": n.Input((2, 7, 7), BINARY),
            "conv": n.Conv2d(dyadic(r, (2, 2, 3, 3)), padding=1),
            "fire": n.Neuron(),
            "max": n.MaxPool2d((3, 3), (2, 2), (1, 1)),
            "mean": n.AvgPool2d((2, 2), (2, 1), (1, 1)),
            "ninth": n.AvgPool2d((3, 3)),
            "relu": n.Relu(),
            "conv2": n.Conv2d(dyadic(r, (2, 2, 1, 1))),
            "any": n.SumPool2d((2, 2)),
            "some": n.Threshold(0.5),
            "a": n.Neuron(theta=None),
            "b": n.Neuron(0.25, theta=0.5),
            "out": n.Output(),
            "out2": n.Output(),
            "out3": n.Output(),
            "out4": n.Output(),
        },
        [
            ("input", "conv"), ("conv", "fire"), ("conv", "max"), ("max", "a"), ("fire", "mean"), ("input", "mean"),
            ("mean", "b"), ("fire", "conv2"), ("conv2", "relu"), ("relu", "ninth"), ("input", "any"), ("fire", "any"),
            ("any", "some"), ("a", "out"), ("b", "out2"), ("ninth", "out3"), ("some", "out4"),
        ],
    )  # fmt: skip


def odd_names():
    """Names that C does not take, or that differ in case alone."""
    names = ["x", "for", "1", "a b", "A", "a", "é", "drive_t", "x_in", "window_0", "in[0]", '"*/', "steps", "y_c"]
    names += ["nf_gather", "NF_BYTES", "INT32_MAX", "true", "samples", "states"]
    r = rng()
    nodes = {names[0]: n.Input((4,), BINARY)}
    for name in names[1:]:
        linear = isinstance(list(nodes.values())[-1], (n.Neuron, n.Input))
        nodes[name] = n.Linear(dyadic(r, (4, 4))) if linear else n.Neuron(theta=r.choice([0.5, 0.75], 4))
    nodes["NULL"] = n.Output()
    return in_a_row(nodes, FOUR)


def many_planes():
    """More residual branches than a kernel adds up, and one plane twice."""
    r = rng()
    nodes = {"input": n.Input((4, 5, 5), BINARY)}
    edges = []
    for k in range(10):
        nodes |= {f"conv{k}": n.Conv2d(dyadic(r, (4, 4, 3, 3)), padding=1), f"fire{k}": n.Neuron()}
        edges += [("input", f"conv{k}"), (f"conv{k}", f"fire{k}"), (f"fire{k}", "last")]
    nodes |= {
        "flat": n.Flatten(),
        "last": n.Conv2d(dyadic(r, (5, 4, 3, 3)), None, 2),
        "end": n.Neuron(0.5, theta=2.0),
        "few": n.Linear(dyadic(r, (3, 100))),
        "few.fire": n.Neuron(),
        "output": n.Output(),
        "output2": n.Output(),
    }
    edges += [("last", "end"), ("end", "output"), ("fire0", "flat"), ("fire1", "flat"), ("flat", "few")]
    return program(nodes, [*edges, ("few", "few.fire"), ("few.fire", "output2")])


def wide_weights(bits):
    """Weights of 16 or 32 bits, sums of 32 or 64."""
    r = rng()
    limit = 2**bits - 1
    return in_a_row(
        {
            "input": n.Input((6,), BINARY),
            "fc": n.Linear(r.integers(-limit, limit + 1, (70, 6)) / 2.0**bits, r.integers(-9, 9, 70) / 2.0**bits),
            "fire": n.Neuron(r.choice([0.5, 0.75], 70), gain=r.choice([0.5, 0.25], 70), theta=r.uniform(0.1, 0.4, 70)),
            "fc2": n.Linear(r.integers(-limit, limit + 1, (9, 70)) / 2.0**bits),
            "cuba": n.Neuron(0.5, theta=0.75, alpha_syn=0.5, w_in=0.5, reset="soft", delta=0.25, i_init=0.5),
            "output": n.Output(),
        },
        FOUR,
    )


def widening():
    """Values of 32 bits that become sums of 64, and return to spikes; a second branch stays narrow."""
    r = rng()
    fine = r.integers(-(2**24), 2**24, (5, 6)) / 2.0**24
    nodes = {
        "input": n.Input((6,), BINARY),
        "fc": n.Linear(dyadic(r, (6, 6)), dyadic(r, 6)),
        "sum": n.Neuron(theta=None),
        "fine": n.Linear(fine),
        "scale": n.Scale(2.0 ** -np.arange(5)),
        "fire": n.Neuron(theta=0.5),
        "wide": n.Output(),
        "coarse": n.Linear(dyadic(r, (3, 6))),
        "narrow": n.Output(),
        "spikes": n.Output(),
    }
    edges = [("input", "fc"), ("fc", "sum"), ("sum", "fine"), ("fine", "scale"), ("scale", "wide"), ("scale", "fire")]
    return program(nodes, [*edges, ("fire", "spikes"), ("sum", "coarse"), ("coarse", "narrow")])


def whole_words():
    """As many channels as bits in words, in neurons that no kernel takes."""
    r = rng()
    return in_a_row(
        {
            "input": n.Input((2, 5), BINARY),
            "conv": n.Conv1d(dyadic(r, (64, 2, 2)), dyadic(r, 64)),
            "cuba": n.Neuron(0.5, theta=r.choice([0.5, 0.75], (64, 4)), alpha_syn=0.5, w_in=0.5),
            "output": n.Output(),
        },
        FOUR,
    )


def four_dimensions():
    """Shapes that no layer has."""
    r = rng()
    shape = (2, 3, 2, 2)
    return program(
        {
            "input": n.Input(shape, BINARY),
            "late": n.Delay(r.integers(0, 2, shape)),
            "fire": n.Neuron(0.5, theta=r.choice([1.0, 1.25, 2.0], shape)),
            "join": n.Concat(-1),
            "flat": n.Flatten(1, 2),
            "again": n.Neuron(0.5, theta=r.choice([1.0, 2.0], (2, 6, 4))),
            "output": n.Output(),
        },
        [
            ("input", "fire"), ("input", "late"), ("late", "join"), ("fire", "join"), ("join", "flat"),
            ("flat", "again"), ("again", "output"),
        ],
    )  # fmt: skip


def reordered():
    """A Flatten that is no longer in the order of its grid: joined, convolved, summed with a vector, recurrent."""
    r = rng()
    return program(
        {
            "input": n.Input((2, 3, 4), BINARY),
            "rows": n.Flatten(1),
            "conv": n.Conv1d(dyadic(r, (2, 2, 3))),
            "a": n.Neuron(0.5, theta=0.5),
            "flat": n.Flatten(),
            "vector": n.Input((24,), BINARY),
            "fc": n.Linear(dyadic(r, (24, 24))),
            "scale": n.Scale(r.choice([0.5, 1.0, 2.0], 24)),
            "b": n.Neuron(0.5, theta=r.choice([0.5, 1.0], 24)),
            "back": n.Linear(dyadic(r, (24, 24))),
            "join": n.Concat(),
            "c": n.Neuron(theta=2.0, reset="soft"),
            "out": n.Output(),
            "out2": n.Output(),
        },
        [
            ("input", "rows"), ("rows", "conv"), ("conv", "a"), ("a", "out"), ("input", "flat"), ("flat", "b"),
            ("vector", "fc"), ("fc", "b"), ("flat", "scale"), ("scale", "b"), ("b", "back"), ("back", "b", 1),
            ("flat", "join"), ("b", "join"), ("join", "c"), ("c", "out2"),
        ],
    )  # fmt: skip


def many_steps():
    """More steps than the drive has room for at once; neurons of all kinds, and a delay."""
    r = rng()
    return program(
        {
            "input": n.Input((4,), BINARY),
            "late": n.Delay(r.integers(0, 9, 4)),
            "fc": n.Linear(dyadic(r, (5, 4)), dyadic(r, 5)),
            "a": n.Neuron(theta=1.5, reset="soft"),
            "fc2": n.Linear(dyadic(r, (3, 5)), dyadic(r, 3)),
            "direct": n.Linear(dyadic(r, (3, 4))),
            "b": n.Neuron(theta=2.0, v_init=0.5),
            "sum": n.Neuron(theta=None),
            "output": n.Output(),
            "total": n.Output(),
        },
        [
            ("input", "late"), ("late", "fc"), ("fc", "a"), ("a", "fc2"), ("fc2", "b"), ("input", "direct"),
            ("direct", "b"), ("fc2", "sum"), ("b", "output"), ("sum", "total"),
        ],
        Contract(steps=37),
    )  # fmt: skip


def uneven():
    """Windows that differ in height and width, on spikes and on values, summed with finer values; spikes joined to
    values; values of a Flatten in another order."""
    r = rng()
    return program(
        {
            "input": n.Input((2, 7, 9), BINARY),
            "image": n.Input((2, 7, 9), CODES),
            "conv": n.Conv2d(dyadic(r, (4, 1, 2, 3)), None, (2, 1), (1, 2), (2, 1), 2),
            "values": n.Conv2d(dyadic(r, (4, 1, 2, 3), bits=5), None, (2, 1), (1, 2), (2, 1), 2),
            "a": n.Neuron(0.5, theta=r.choice([1.0, 2.0, 4.0], (4, 4, 11))),
            "fine": n.Conv2d(dyadic(r, (2, 2, 3, 2), bits=6), None, (2, 1), (1, 0)),
            "sum": n.SumPool2d((3, 2), (2, 1), (1, 0)),
            "image.sum": n.SumPool2d((3, 2), (2, 1), (1, 0)),
            "b": n.Neuron(theta=r.choice([1.0, 3.0], (2, 4, 8)), reset="soft"),
            "fine2": n.Conv2d(dyadic(r, (2, 2, 3, 2), bits=6), None, (2, 1), (1, 0)),
            "e": n.Neuron(theta=r.choice([800.0, 1100.0], (2, 4, 8)), reset="soft"),
            "same": n.Conv2d(dyadic(r, (2, 2, 1, 1))),
            "join": n.Concat(-1),
            "narrow": n.Conv2d(dyadic(r, (2, 2, 1, 3), bits=1)),
            "c": n.Neuron(0.5, theta=3.0),
            "rows": n.Flatten(1),
            "row": n.Conv1d(dyadic(r, (2, 2, 4), bits=4)),
            "d": n.Neuron(theta=8.0),
            "out": n.Output(),
            "out2": n.Output(),
            "out3": n.Output(),
            "out4": n.Output(),
            "out5": n.Output(),
        },
        [
            ("input", "conv"), ("image", "values"), ("conv", "a"), ("values", "a"), ("a", "out"),
            ("input", "fine"), ("input", "sum"), ("image", "image.sum"), ("fine", "b"), ("sum", "b"),
            ("image.sum", "e"), ("fine2", "e"), ("e", "out5"), ("input", "fine2"), ("b", "out2"),
            ("input", "same"), ("same", "join"), ("input", "join"), ("join", "narrow"),
            ("narrow", "c"), ("c", "out3"), ("image", "rows"), ("rows", "row"), ("row", "d"), ("d", "out4"),
        ],
    )  # fmt: skip


CASES = {
    "one dimension": one_dimension,
    "joined channels": lambda: joined(0),
    "joined rows": lambda: joined(1),
    "joined columns": lambda: joined(-1),
    "feedback": feedback,
    "many ports": many_ports,
    "constant image": constant,
    "constant spikes": lambda: constant(BINARY),
    "constant floats": lambda: constant(Domain("real")),
    "constant picture": lambda: pictures("constant"),
    "pictures": lambda: pictures("events"),
    "still": still,
    "pooled": pooled,
    "odd names": odd_names,
    "many planes": many_planes,
    "weights of 16 bits": lambda: wide_weights(12),
    "weights of 32 bits": lambda: wide_weights(24),
    "widening": widening,
    "whole words": whole_words,
    "four dimensions": four_dimensions,
    "reordered": reordered,
    "many steps": many_steps,
    "uneven": uneven,
}


def inputs(made, samples=2, seed=3):
    """Random inputs of every Input node, within its domain."""
    r = np.random.default_rng(seed)
    found = {}
    for name in made.inputs:
        steps = 1 if made.contract.encoder == "constant" else made.contract.steps
        shape, top = (steps, samples, *made.shapes[name]), made.domains[name].max
        values = dyadic(r, shape) if top is None else r.integers(0, top + 1, shape)
        found[name] = values[0] if made.contract.encoder == "constant" else values
    return found
