"""The papers' networks at full size, in integers of 8 bits and on the finest grid: no spike differs."""

from dataclasses import replace

import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.backends.c import network as c
from neurofer.backends.c.plan import plan
from neurofer.backends.c.plan_stages import Compute, Fused
from neurofer.ir import BINARY
from neurofer.ir import nodes as n
from neurofer.passes import input_codes, lower, to_grid
from neurofer.train.rates import calibrate_rates

RATE = 0.08


def spiking_fer():
    """Spiking-FER on 10 % of random events."""
    from neurofer.capture import capture
    from neurofer.nets.spiking_fer import SpikingFER

    program = lower(capture(SpikingFER().eval(), (2, 200, 200), steps=6))
    program = program.with_nodes({**program.nodes, "input": n.Input((2, 200, 200), BINARY)})
    return program, (np.random.default_rng(0).random((6, 1, 2, 200, 200)) < 0.1).astype(np.uint8)


def conv_snn():
    """Conv-SNN on a random picture."""
    from neurofer.capture import capture
    from neurofer.nets.conv_snn import ConvSNN

    program = lower(capture(ConvSNN().eval(), (1, 48, 48), steps=4))
    picture = np.random.default_rng(0).integers(0, 256, (1, 1, 48, 48)).astype(np.uint8)
    return input_codes(program, levels=255, scale=255.0), picture


def wakened(program):
    """The program with the second layers of its residual blocks at random: they start at zero."""
    rng = np.random.default_rng(1)
    silent = {k: node for k, node in program.nodes.items() if isinstance(node, n.Conv2d) and not np.any(node.weight)}
    drawn = {k: replace(v, weight=rng.normal(size=v.weight.shape).astype(np.float32)) for k, v in silent.items()}
    return program.with_nodes({**program.nodes, **drawn})


@pytest.mark.slow
@pytest.mark.parametrize("bits", [8, None])
@pytest.mark.parametrize("make", [spiking_fer, conv_snn], ids=["Spiking-FER", "Conv-SNN"])
def test_no_spike_differs(make, bits):
    program, x = make()
    program = calibrate_rates(to_grid(wakened(program), bits=bits), x, RATE)
    golden = reference.run(program, x)
    assert all(train.count for train in golden.spikes.values())
    found = c.load(program).run(x)
    assert [
        name for name, train in golden.spikes.items() if not np.array_equal(train.bits, found.spikes[name].bits)
    ] == []
    made = plan(program)
    fused = [stage.node for stage in made.stages if isinstance(stage, Fused)]
    others = [stage.node for stage in made.stages if isinstance(stage, Compute) and stage.node in golden.spikes]
    assert len(fused) >= 4
    # no kernel has the first layer of Conv-SNN, which reads an image, with wide weights
    assert others == (["act1"] if make is conv_snn and bits is None else [])
    assert made.state(only_sequence=True) < 2.5e6
