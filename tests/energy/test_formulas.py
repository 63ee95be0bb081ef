import msgspec
import numpy as np
import pytest

from neurofer.backends.reference import run
from neurofer.energy import FORMULAS, estimate, read_profile
from neurofer.energy.count import dense_macs, synaptic
from neurofer.errors import UsageError
from neurofer.ir import BINARY, Contract
from neurofer.ir import nodes as n
from tests.energy.random_traces import random_trace, uniform_trace
from tests.energy.resnets import resnet18, sew_resnet18
from tests.strategies import Sketch, chain

CMOS45 = read_profile("cmos45")


@pytest.fixture(scope="module")
def spiking_fer():
    return sew_resnet18()


def small(contract=None):
    """A convolution with binary input, a layer with real input behind average pooling, and a head without neurons."""
    return chain(
        ("input", n.Input((1, 4, 4), BINARY)),
        ("conv", n.Conv2d(np.ones((2, 1, 3, 3), np.float32), padding=1)),
        ("act", n.Neuron(theta=4.0)),
        ("pool", n.AvgPool2d(2)),
        ("flatten", n.Flatten()),
        ("fc", n.Linear(np.ones((3, 8)))),
        ("act2", n.Neuron()),
        ("head", n.Linear(np.ones((5, 3)))),
        contract=contract or Contract(steps=2),
    )


def small_ann():
    return chain(
        ("input", n.Input((2, 4, 4))),
        ("conv", n.Conv2d(np.ones((2, 2, 3, 3), np.float32), padding=1)),
        ("flatten", n.Flatten()),
        ("wide", n.Linear(np.ones((3, 32)))),
    )


def test_exact_weighs_what_was_counted():
    x = np.zeros((2, 2, 1, 4, 4))
    x[:, 0] = 1  # the first sample sees everything, the second nothing
    report = estimate(small(), small_ann(), run(small(), x), profile=CMOS45)
    conv, fc, head = report.layers
    assert (conv.name, conv.kind, conv.input_class) == ("conv", "Conv2d", "binary")
    assert (conv.acs_nnz, conv.acs, conv.macs, conv.macs_ann) == (2 * 200, 2 * 200, 0, 400)
    assert conv.energy_pj == pytest.approx(400 * 0.9 / 2, rel=1e-12)
    assert (fc.input_class, fc.acs, fc.macs, fc.macs_ann, fc.rate_in) == ("real", 0, 2 * 2 * 24, None, None)
    assert fc.energy_pj == pytest.approx(96 * 4.6 / 2, rel=1e-12)
    assert (head.rate_in, head.rate_out) == (1.0, None)  # 3 neurons spike at both steps of one sample out of two
    assert report.e_ann_mj == pytest.approx((400 + 96) * 4.6e-9, rel=1e-12)
    assert report.e_snn_mj == pytest.approx(sum(layer.energy_pj for layer in report.layers) * 1e-9, rel=1e-12)
    assert report.ratio == report.e_ann_mj / report.e_snn_mj
    assert (report.samples, report.steps, report.input_shape) == (2, 2, (1, 4, 4))
    assert any("only in the ANN: wide (96 MAC)" in note for note in report.notes)
    assert any("only in the SNN: fc, head" in note for note in report.notes)


def test_sum_of_spikes_costs_its_multiplicity():
    sketch = Sketch()
    sketch.add(n.Input((2,), BINARY), "input")
    sketch.add(n.Linear(np.eye(2)), "first")
    sketch.add(n.Neuron(), "act")
    sketch.last = ("input", "act")
    sketch.add(n.Linear(np.ones((10, 2))), "second")
    sketch.add(n.Output(), "output")
    program = sketch.program()
    second = estimate(program, None, run(program, np.ones((1, 1, 2))), profile=CMOS45).layers[1]
    assert (second.acs_nnz, second.acs) == (20, 40)
    assert second.energy_pj == pytest.approx(40 * 0.9)


def test_eq4_8_multiplies_dense_operations_of_the_ann_with_the_layers_own_rate():
    x = np.ones((2, 1, 1, 4, 4))
    report = estimate(small(), small_ann(), run(small(), x), formula="eq4-8", profile=CMOS45)
    conv, fc, head = report.layers
    assert conv.macs_ann == 9 * 16 * 2 * 2
    # Sums of 4, 6 or 9 ones per step all reach theta = 4: every neuron spikes at both steps.
    assert conv.rate_out == 2.0
    assert conv.energy_pj == pytest.approx(576 * 2.0 * 0.9)
    assert fc.energy_pj == pytest.approx(24 * 2.0 * 0.9)  # no counterpart in the ANN: its own operations
    assert head.energy_pj is None
    assert report.e_ann_mj == pytest.approx((576 + 96) * 4.6e-9)
    assert report.e_snn_mj == pytest.approx((576 + 24) * 2.0 * 0.9e-9)
    assert any("left out" in note and "head" in note for note in report.notes)


@pytest.mark.parametrize("formula", [name for name in FORMULAS if name != "paper-table3"])
def test_without_a_sample_only_the_ann_has_an_energy(formula):
    report = estimate(small(), small_ann(), None, formula=formula, profile=CMOS45)
    assert report.e_ann_mj > 0
    assert (report.e_snn_mj, report.ratio, report.samples, report.steps) == (None, None, 0, 2)
    assert {layer.energy_pj for layer in report.layers} == {None}
    assert report.layers[1].input_class == "real"


def test_silent_network_and_missing_ann_give_no_ratio():
    program = chain(("input", n.Input((2,), BINARY)), ("fc", n.Linear(np.ones((3, 2)))), contract=Contract(steps=3))
    silent = run(program, np.zeros((3, 1, 2)))
    report = estimate(program, program, silent, profile=CMOS45)
    assert (report.e_snn_mj, report.ratio) == (0.0, None)
    report = estimate(program, None, run(program, np.ones((3, 1, 2))), profile=CMOS45)
    assert (report.e_ann_mj, report.ratio) == (None, None)
    assert report.e_snn_mj == pytest.approx(18 * 0.9e-9)


def test_other_profile_other_energy():
    trace = run(small(), np.ones((2, 1, 1, 4, 4)))
    wide = estimate(small(), small_ann(), trace, profile=CMOS45)
    narrow = estimate(small(), small_ann(), trace, profile=read_profile("cmos45-int8"))
    assert narrow.profile == "cmos45-int8"
    assert narrow.e_ann_mj == pytest.approx(wide.e_ann_mj / 4.6 * 0.23)
    assert [layer.acs for layer in narrow.layers] == [layer.acs for layer in wide.layers]
    assert narrow.e_snn_mj < wide.e_snn_mj


def test_report_as_json_has_the_keys_others_rely_on():
    report = estimate(
        small(), small_ann(), run(small(), np.ones((2, 1, 1, 4, 4))), profile=CMOS45, weights="a.safetensors"
    )
    document = msgspec.json.decode(msgspec.json.encode(report))
    assert document["schema"] == "neurofer.energy/1"
    assert document["weights"] == "a.safetensors"
    keys = "schema formula profile steps input_shape weights e_ann_mj e_snn_mj ratio layers"
    assert keys == " ".join(key for key in document if key not in ("samples", "notes"))
    layer = "name kind input_class macs_ann rate_in rate_out acs_nnz acs macs energy_pj"
    assert " ".join(document["layers"][0]) == layer


def test_unknown_formula_names_the_known_ones():
    with pytest.raises(UsageError, match="unknown formula 'eq9'") as caught:
        estimate(small(), None, None, formula="eq9", profile=CMOS45)
    assert "exact, eq4-8, paper-table3" in str(caught.value)


@pytest.mark.parametrize(
    ("size", "macs", "energy"), [(128, 707_791_872, 3.2558426112), (200, 1_838_103_552, 8.4552763392)]
)
def test_equations_6_and_7_on_resnet18_with_12_channels(size, macs, energy):
    ann = resnet18(size)
    assert sum(dense_macs(node, ann.input_shape(name)) for name, node in synaptic(ann)) == macs
    report = estimate(sew_resnet18(size), ann, None, formula="eq4-8", profile=CMOS45)
    assert report.e_ann_mj == pytest.approx(energy, abs=1e-9)
    exact = estimate(sew_resnet18(size), ann, None, profile=CMOS45)
    assert exact.e_ann_mj < report.e_ann_mj  # the taps on padding


def test_table3_gives_the_papers_energy_of_the_ann_without_a_sample(spiking_fer):
    report = estimate(spiking_fer, None, None, formula="paper-table3", profile=CMOS45)
    assert report.e_ann_mj == pytest.approx(1428.667193344, abs=1e-9)
    assert sum(layer.macs_ann or 0 for layer in report.layers) + 2048 == 310_579_824_640
    assert report.input_shape == (2, 128, 128)
    assert (report.e_snn_mj, report.ratio) == (None, None)
    assert report.notes[0].startswith("not physical")


def test_table3_keeps_its_settings_whatever_the_network_was_run_on():
    report = estimate(sew_resnet18(64, channels=4, steps=3), None, None, formula="paper-table3", profile=CMOS45)
    assert report.e_ann_mj == pytest.approx(1428.667193344, abs=1e-9)
    assert report.input_shape == (2, 128, 128)


# The rates that the ratios in the paper's Table 3 imply, and equations 4 to 8 at these rates (2 input channels).
IMPLIED = {
    "ADFES": (0.07817, 65.39, 0.2445, 13.31),
    "CASIA": (0.09380, 54.49, 0.2935, 11.09),
    "CK+": (0.09713, 52.62, 0.3039, 10.71),
    "MMI": (0.10779, 47.42, 0.3372, 9.65),
}


@pytest.mark.parametrize(("rate", "ratio", "energy", "corrected"), IMPLIED.values(), ids=IMPLIED)
def test_ratios_of_table3_follow_from_the_rates_they_imply(spiking_fer, rate, ratio, energy, corrected):
    trace = uniform_trace(spiking_fer, rate)
    table3 = estimate(spiking_fer, None, trace, formula="paper-table3", profile=CMOS45)
    assert table3.ratio == pytest.approx(ratio, abs=0.01)
    printed = estimate(spiking_fer, resnet18(channels=2), trace, formula="eq4-8", profile=CMOS45)
    assert printed.e_snn_mj == pytest.approx(energy, abs=1e-4)
    twelve = estimate(spiking_fer, resnet18(), trace, formula="eq4-8", profile=CMOS45)
    assert twelve.e_ann_mj / printed.e_snn_mj == pytest.approx(corrected, abs=0.02)
    # With conv1 of the ANN's 12 channels, as equation 5 reads by the letter, the spiking side grows with it.
    assert twelve.e_snn_mj / printed.e_snn_mj == pytest.approx(707_788_800 / 579_338_240, rel=1e-3)


def test_table3_uses_the_rate_per_step_of_the_convolutions_own_neurons(spiking_fer):
    trace = random_trace(spiking_fer, np.random.default_rng(0), density=0.1)
    report = estimate(spiking_fer, None, trace, formula="paper-table3", profile=CMOS45)
    layers = {layer.name: layer for layer in report.layers}
    down = layers["layer4.0.downsample.0"]
    assert down.macs_ann == 9 * 4**4 * 256 * 512
    assert down.rate_out == trace.spikes["layer4.0.downsample.2"].rate
    assert down.energy_pj == pytest.approx(down.macs_ann * down.rate_out / 6 * 0.9, rel=1e-12)
    assert (layers["fc"].energy_pj, layers["accumulator"].macs_ann) == (None, None)
    assert report.ratio == pytest.approx(4.6 / 0.9 / 0.1, rel=0.01)


@pytest.mark.parametrize(
    ("program", "missing"), [(sew_resnet18(64, width=32), 7), (small(), 20)], ids=["narrow", "other"]
)
def test_table3_is_refused_for_other_networks(program, missing):
    with pytest.raises(UsageError, match="SEW-ResNet-18 of width 64 alone") as caught:
        estimate(program, None, None, formula="paper-table3", profile=CMOS45)
    assert f"of its 20 convolutions {missing} are missing" in str(caught.value)
    assert "next: use the formula eq4-8 or exact" in str(caught.value)
