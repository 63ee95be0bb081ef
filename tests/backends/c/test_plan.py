"""The plan: which numbers, which stages, how much room; and what is refused."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings

from neurofer.backends.c.emit import sources
from neurofer.backends.c.plan import plan
from neurofer.backends.c.plan_layout import Layout, layout_of
from neurofer.backends.c.plan_memory import HEADER, used
from neurofer.backends.c.plan_names import Names
from neurofer.backends.c.plan_stages import Compute, Enter, Fused, PoolSpikes
from neurofer.errors import RefusedError
from neurofer.ir import BINARY, Contract, Program
from neurofer.ir import nodes as n
from neurofer.passes import lower, to_grid
from tests.backends.c import cases
from tests.networks import convolutional, grid, in_a_row, recurrent, replaced, residual
from tests.strategies import programs


def stages(program, **options):
    return {stage.node: stage for stage in plan(program, **options).stages}


def line(layer, neuron, size=6, steps=4):
    """A layer of spikes and its neurons."""
    nodes = {"input": n.Input((size,), BINARY), "fc": layer, "fire": neuron, "output": n.Output()}
    return in_a_row(nodes, Contract(steps=steps))


# numbers


def test_a_dyadic_network_is_computed_in_integers():
    made = plan(convolutional())
    assert {number.number for number in made.arithmetic.values()} == {"i32"}
    assert made.arithmetic["spike1"].exponent == 6
    assert made.arithmetic["spike1"].bits == 12


def test_a_leak_adds_its_bits_at_every_step():
    program = line(n.Linear(grid(np.random.default_rng(0), 3, 6)), n.Neuron(0.5))
    assert [plan(over(program, steps)).arithmetic["fire"].exponent for steps in (1, 2, 4)] == [6, 7, 9]


def over(program, steps):
    return program.with_contract(Contract(steps=steps))


def test_a_leak_that_is_not_dyadic_takes_float32_and_says_why():
    rng = np.random.default_rng(0)
    made = plan(line(n.Linear(grid(rng, 3, 6)), n.Neuron(0.9)))
    assert made.arithmetic["fire"].number == "f32"
    assert made.arithmetic["fire"].reason == "alpha_mem = 0.9 is not dyadic"
    assert made.arithmetic["fc"].reason == "fire: alpha_mem = 0.9 is not dyadic"
    assert made.arithmetic["output"].number == "i32"  # it gets spikes


def test_one_group_in_float32_leaves_the_others_in_integers():
    made = plan(replaced(convolutional(), spike2=n.Neuron(0.9)))
    numbers = {name: number.number for name, number in made.arithmetic.items()}
    assert (numbers["conv"], numbers["spike1"], numbers["fc2"], numbers["integrator"]) == ("i32",) * 4
    assert numbers["fc1"] == numbers["spike2"] == "f32"


@pytest.mark.parametrize(("bits", "number"), [(7, "i32"), (15, "i32"), (28, "i32"), (30, "i64"), (45, "f32")])
def test_sums_take_the_narrowest_integers_that_hold_them(bits, number):
    weight = np.full((2, 6), 0.5)
    weight[0, 0] -= 2.0**-bits
    assert plan(line(n.Linear(weight), n.Neuron(), steps=1), fuse=False).arithmetic["fire"].number == number


def test_sums_are_wide_from_the_first_node_on_that_needs_it():
    numbers = {name: number.number for name, number in plan(cases.widening()).arithmetic.items()}
    assert {numbers[name] for name in ("fc", "sum", "coarse", "narrow")} == {"i32"}
    assert {numbers[name] for name in ("fine", "scale", "fire", "wide")} == {"i64"}


def test_all_sums_are_wide_where_one_is_and_others_come_late():
    made = cases.widening()
    edges = tuple(replace(edge, delay=1) if edge.target == "coarse" else edge for edge in made.edges)
    late = Program(made.nodes, edges, made.contract)
    assert {plan(late).arithmetic[name].number for name in ("fc", "sum", "coarse", "fine", "fire")} == {"i64"}


def test_integer_weights_are_as_narrow_as_they_can_be():
    rng = np.random.default_rng(0)
    program = line(n.Linear(rng.normal(size=(3, 6)).astype(np.float32)), n.Neuron())
    for bits, kind in ((8, "i8"), (12, "i16")):
        (term,) = stages(to_grid(program, bits=bits), fuse=False)["fire"].terms
        assert term.weight.type == kind


def test_wide_weights_run_in_float32_where_it_holds_every_sum():
    rng = np.random.default_rng(0)
    program = to_grid(line(n.Linear(rng.normal(size=(3, 6)).astype(np.float32)), n.Neuron()))
    made = plan(program)
    (fire,) = (stage for stage in made.stages if stage.node == "fire")
    assert isinstance(fire, Fused)
    assert (fire.weight.type, made.arithmetic["fire"].number, made.arithmetic["fire"].bits) == ("f32", "f32", 25)


# stages


def test_layers_of_spikes_are_fused_and_pooled_spikes_are_an_or():
    made = stages(convolutional())
    assert [type(stage) for stage in made.values()] == [Enter, Fused, PoolSpikes, Fused, Compute, Compute]
    assert list(made) == ["input", "spike1", "pool", "spike2", "integrator", "output"]
    assert not any(isinstance(stage, Fused) for stage in stages(convolutional(), fuse=False).values())


def test_a_sum_of_spikes_is_a_list_of_planes():
    assert [plane.name for plane in stages(residual(downsample=True))["spike3"].sources] == ["spike2", "spike4"]


@pytest.mark.parametrize(
    "neuron", [n.Neuron(), n.Neuron(0.5, theta=0.75, compare=">"), n.Neuron(theta=0.25)], ids=["IF", "LIF", "low"]
)
def test_neurons_that_forget_pool_spikes(neuron):
    assert isinstance(stages(replaced(convolutional(), pool=neuron))["pool"], PoolSpikes)


@pytest.mark.parametrize(
    "neuron",
    [
        n.Neuron(theta=2.0),
        n.Neuron(theta=0.5, reset="soft"),
        n.Neuron(v_init=0.5),
        n.Neuron(gain=0.5),
        n.Threshold(1.5),
    ],
    ids=["two", "soft", "begun", "half", "threshold"],
)
def test_neurons_that_remember_do_not(neuron):
    assert isinstance(stages(replaced(convolutional(), pool=neuron))["pool"], Compute)


def test_what_is_always_the_same_is_computed_once():
    made = plan(cases.constant())
    always_equal = {stage.node for stage in made.stages if stage.static}
    assert always_equal == {"input", "conv", "pool", "max", "same", "same.pad"}


def image(encoder="constant", neuron=None, shape=(1, 6, 6), **conv):
    """A convolution of an image and its neurons."""
    weight = grid(np.random.default_rng(0), 4, shape[0], 3, 3)
    nodes = {
        "input": n.Input(shape, cases.CODES),
        "conv": n.Conv2d(weight, **conv),
        "fire": neuron or n.Neuron(),
        "output": n.Output(),
    }
    return in_a_row(nodes, Contract(steps=4, encoder=encoder))


@pytest.mark.parametrize("encoder", ["constant", "events"])
def test_a_layer_of_an_image_is_fused_with_its_neurons(encoder):
    made = stages(image(encoder))
    assert [type(stage) for stage in made.values()] == [Enter, Fused, Compute]
    assert (made["fire"].layer, made["fire"].static) == ("conv", False)
    assert [(buffer.type, buffer.slots) for buffer in made["fire"].sources] == [("u8", encoder == "constant")]


@pytest.mark.parametrize(
    "program",
    [
        image(dilation=2),
        image(shape=(1, 5, 5)),
        image(shape=(400, 6, 6)),
        image(neuron=n.Neuron(theta=np.arange(64.0).reshape(4, 4, 4))),
        image(neuron=n.Neuron(alpha_syn=0.5)),
    ],
    ids=["gaps", "few pixels", "large windows", "thresholds of neurons", "currents"],
)
def test_other_layers_of_an_image_are_generic(program):
    assert [type(stage) for stage in plan(program).stages] == [Enter, Compute, Compute, Compute]


def test_a_layer_of_an_image_that_others_read_stays_apart():
    made = stages(cases.constant())
    assert isinstance(made["conv"], Compute)
    assert [type(stage) for stage in stages(image(), small=True).values()] == [Enter, Compute, Compute, Compute]


def test_feedback_runs_step_by_step():
    assert plan(recurrent()).sequence == "steps"
    assert plan(convolutional()).sequence == "layers"


# room


@settings(max_examples=30)
@given(programs())
def test_buffers_that_are_needed_at_once_lie_apart(program):
    made = plan(lower(program))
    for layers in {made.sequence == "layers", False}:
        for record in (True, False):
            found = made.arena(layers=layers, record=record)
            ends = {name: found.offsets[name] + buffer.bytes(found.steps) for name, buffer in found.buffers.items()}
            life = lives(made, layers=layers, kept={b.name for b in made.spikes.values()} if record else set())
            assert min(found.offsets.values()) >= HEADER
            assert max(ends.values()) <= found.bytes
            for a, b in combinations(found.buffers, 2):
                if life[a] & life[b]:
                    assert ends[a] <= found.offsets[b] or ends[b] <= found.offsets[a], (a, b)


def lives(made, *, layers, kept):
    """The stages between the first and the last that touch a buffer; all of them where it keeps something."""
    touched = {}
    for place, stage in enumerate(made.stages):
        for buffer in used(stage, layers=layers):
            always = buffer.name in kept or (buffer.keeps and not layers)
            touched.setdefault(buffer.name, set()).update(range(len(made.stages)) if always else {place})
    return {name: set(range(min(places), max(places) + 1)) for name, places in touched.items()}


def test_planes_share_room():
    rng = np.random.default_rng(0)
    nodes = {"input": n.Input((64, 8, 8), BINARY)}
    for k in range(12):
        nodes |= {f"conv{k}": n.Conv2d(grid(rng, 64, 64, 1, 1)), f"fire{k}": n.Neuron()}
    made = plan(in_a_row(nodes | {"output": n.Output()}, Contract(steps=4)))
    plane = 4 * 64 * 8
    scratch = max(stage.scratch.bytes(4) for stage in made.stages if isinstance(stage, (Fused, Compute)))
    assert made.arena(layers=True).bytes <= HEADER + 2 * plane + scratch
    assert made.arena(layers=True, record=True).bytes >= 12 * plane
    assert made.state(only_sequence=True) < made.ram


def test_flash_is_the_weights():
    made = plan(convolutional())
    assert made.flash == len(made.weights)
    assert made.flash % 64 == 0
    assert made.flash >= sum(constant.values.nbytes for constant, _ in made.constants.values())


# grids and names


@pytest.mark.parametrize(
    ("shape", "grid"),
    [((), (1, 1, 1)), ((5,), (5, 1, 1)), ((3, 7), (3, 1, 7)), ((3, 4, 5), (3, 4, 5)), ((2, 3, 4, 5), (2, 12, 5))],
)
def test_every_shape_is_a_grid(shape, grid):
    assert layout_of(shape) == Layout(*grid)


def test_values_lie_with_the_channels_innermost():
    assert Layout(2, 1, 3).in_memory([[0, 1, 2], [3, 4, 5]]).tolist() == [0, 3, 1, 4, 2, 5]


def test_names_are_identifiers_of_their_own():
    names = Names()
    wanted = ["a", "A", "a b", "a.b", "1", "", "é", "for", "x", "weights", "y_in", "z_3", "nf_fire", "INT_MAX"]
    given_ = [names.fresh(name) for name in wanted]
    assert given_[:6] == ["a", "A_2", "a_b", "a_b_2", "n1", "node"]
    assert given_[6:] == ["node_2", "for_2", "x_2", "weights_2", "y_in_", "z_3_", "nnf_fire", "INT_MAX_"]


# refusals


def test_the_header_tells_what_each_array_holds():
    told = sources(cases.CASES["many ports"]()).header.split("[channels, height, width]:\n")[1].split(" */")[0]
    assert told.splitlines() == [
        "     spikes_2_in: binary [3, 4, 4]",
        "     image_in: code 0..255 [3, 4, 4]",
        "     wide_in: code 0..1000 [3, 4, 4]",
        "     out_out: binary [4, 4, 4]",
        "     sum_out: real [4, 4, 4]",
        "     values_out: real [3], in units of 2^-2",
        "     floats_out: real [4, 4, 4]",
        "   The network reads out the sum of its outputs over all steps; its largest is the class.",
    ]
    constant = sources(cases.CASES["constant image"]()).header
    assert "     input_in: code 0..255 [2, 6, 6], the same in every step: a sequence takes it once\n" in constant


def test_all_that_has_no_form_in_c_is_refused_at_once():
    norm = n.BatchNorm(np.zeros(2), np.ones(2), np.ones(2), np.zeros(2))
    nodes = {
        "input": n.Input((2, 3, 3, 3)),
        "norm": norm,
        "nan": n.Scale(np.nan),
        "inner": n.Concat(1),
        "output": n.Output(),
    }
    edges = [("input", "norm"), ("norm", "nan"), ("input", "inner"), ("nan", "inner"), ("inner", "output")]
    with pytest.raises(RefusedError) as caught:
        plan(cases.program(nodes, edges))
    assert str(caught.value) == (
        "the program cannot be written as C\n"
        "  - norm: BatchNorm is not supported (instead: pass fold_batchnorm)\n"
        "  - nan: scale holds 1 value that is not finite (NaN or infinite)\n"
        "  - inner: more than three dimensions are joined along an inner one (instead: axis 0)"
    )


def test_a_maximum_of_padding_alone_is_refused():
    nodes = {"input": n.Input((1, 4, 4)), "pool": n.MaxPool2d((2, 2), None, (2, 2)), "output": n.Output()}
    with pytest.raises(RefusedError, match="pool: a window may lie in the padding alone, which has no maximum"):
        plan(in_a_row(nodes, Contract(steps=1)))


def test_what_c_cannot_address_is_refused():
    program = line(n.Linear(np.ones((2**20, 6), np.float32)), n.Neuron(), steps=2**14)
    with pytest.raises(RefusedError, match=r"its state or its weights take 2,\d{3},\d{3},\d{3} bytes, .* of 31 bits"):
        plan(program)
