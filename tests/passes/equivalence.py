"""What a pass must keep: runs of the reference before and after are compared."""

import numpy as np

from neurofer.backends.reference import run


def assert_same(before, after, x):
    """Every spike train of ``before`` (by name) and every output of both are equal bit for bit; returns both traces."""
    first, second = run(before, x), run(after, x)
    assert set(first.spikes) <= set(second.spikes)
    for name in first.spikes:
        assert np.array_equal(first.unpack(name), second.unpack(name)), f"spikes of {name} differ"
    for name in first.outputs:
        assert np.array_equal(first.outputs[name], second.outputs[name]), f"output {name} differs"
    return first, second


def kinds(program):
    """The node types of a program."""
    return {type(node) for node in program.nodes.values()}
