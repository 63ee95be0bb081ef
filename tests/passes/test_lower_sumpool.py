import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.ir import BINARY
from neurofer.ir import nodes as n
from neurofer.passes import lower_maxpool, lower_sumpool, lower_threshold
from tests.passes.equivalence import assert_same, kinds
from tests.strategies import chain, frames, programs, rngs


@given(programs(blocks=("sumpool", "sumpool", "spikes", "residual"), image=True), st.booleans(), rngs)
def test_spikes_are_the_same(program, grouped, rng):
    lowered = lower_sumpool(program, padded_only=False, grouped=grouped)
    assert n.SumPool2d not in kinds(lowered)
    assert_same(program, lowered, frames(rng, program))


@given(programs(blocks=("maxpool", "spikes"), image=True), rngs)
def test_max_pooling_comes_down_to_convolutions_and_neurons(program, rng):
    lowered = lower_sumpool(lower_threshold(lower_maxpool(program)), padded_only=False)
    assert not kinds(lowered) & {n.SumPool2d, n.MaxPool2d, n.Threshold}
    assert_same(program, lowered, frames(rng, program))


@pytest.mark.parametrize("grouped", [False, True])
def test_the_convolution_keeps_channels_apart(grouped):
    program = chain(n.Input((3, 4, 5), BINARY), ("pool", n.SumPool2d((2, 3), (1, 2), (1, 1))))
    conv = lower_sumpool(program, grouped=grouped).nodes["pool"]
    assert conv.weight.shape == ((3, 1, 2, 3) if grouped else (3, 3, 2, 3))
    assert conv.weight.sum() == 3 * 6
    assert (conv.stride, conv.padding, conv.groups) == ((1, 2), (1, 1), 3 if grouped else 1)


def test_pools_without_padding_stay_unless_asked_for():
    program = chain(n.Input((1, 4, 4), BINARY), n.SumPool2d(2))
    assert lower_sumpool(program) is program
    assert n.SumPool2d not in kinds(lower_sumpool(program, padded_only=False))
