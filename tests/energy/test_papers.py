"""The papers' networks at full size: operations by three independent counts, on the same recorded spikes."""

from functools import cache

import numpy as np
import pytest
import torch
from spikingjelly.activation_based.op_counter import DispatchCounterMode, SynOpCounter

from neurofer.backends import reference
from neurofer.cli.network import resolve
from neurofer.energy.count import count
from neurofer.ir import nodes as n
from neurofer.passes import drop_dropout, fold_batchnorm

pytestmark = pytest.mark.slow


def inputs_of_layers(program, x):
    """Synaptic node -> what enters it, ``[T, N, *shape]`` (one step where it is static)."""
    network = reference.load(program)
    found = {name: [] for name, node in program.nodes.items() if node.synaptic}
    for t, values in enumerate(network.values(x)):
        for name, frames in found.items():
            if name not in program.static or t == 0:
                frames.append(network.gather(name, values, {}).astype(np.float32))
    return {name: np.stack(frames) for name, frames in found.items()}


def follow_every_spike(node, x):
    """Add up, spike by spike, the synapses it reaches: (nonzero inputs, with multiplicity)."""
    if isinstance(node, n.Linear):
        out = len(node.weight)
        return int((x != 0).sum()) * out, int(x.sum()) * out
    out, strides = node.weight.shape[0] // node.groups, node.stride
    sizes = node.output_shape(x.shape[2:])[1:]

    @cache
    def reached(*at):
        ways = 1
        for place, pad, kernel, stride, size in zip(at, node.pads, node.kernel, strides, sizes, strict=True):
            taps = [(place + pad[0] - tap, stride) for tap in range(kernel)]
            ways *= sum(offset % step == 0 and 0 <= offset // step < size for offset, step in taps)
        return ways

    once = often = 0
    for *_, row, column in np.argwhere(x).tolist():
        once += reached(row, column) * out
    for value in np.unique(x[x > 1]).tolist():
        for *_, row, column in np.argwhere(x == value).tolist():
            often += (int(value) - 1) * reached(row, column) * out
    return once, once + often


def spikingjelly_counts(node, x):
    """What SpikingJelly's counter says of the layer on binary input."""
    counter = SynOpCounter()
    weight, flat = torch.from_numpy(np.array(node.weight)), torch.from_numpy(x.reshape(-1, *x.shape[2:]))
    with torch.no_grad(), DispatchCounterMode([counter]):
        if isinstance(node, n.Linear):
            torch.nn.functional.linear(flat, weight)
        else:
            torch.nn.functional.conv2d(flat, weight, stride=node.stride, padding=node.padding)
    return counter.get_total()


@pytest.mark.parametrize("recipe", ["conv-snn", "spiking-fer"])
def test_three_counts_give_the_same_integers(recipe):
    subject = resolve(recipe)
    program = fold_batchnorm(drop_dropout(subject.snn))
    x = subject.sample(samples=1).x
    done = count(program, reference.run(program, x))
    entering = inputs_of_layers(program, x)
    classes = set()
    for name, frames in entering.items():
        node, operations = program.nodes[name], done[name]
        classes.add(operations.input_class)
        if operations.input_class == "real":
            assert operations.macs > 0
            continue
        assert (operations.acs_nnz, operations.acs) == follow_every_spike(node, frames), name
        if operations.input_class == "binary":
            assert operations.acs == spikingjelly_counts(node, frames), name
    assert "binary" in classes
    assert sum(operations.acs for operations in done.values()) > 10**6
