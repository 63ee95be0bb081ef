"""The C network: what compiled code gives is what the reference gives, recorded or not, on any number of threads."""

import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.backends.c import How
from neurofer.backends.c import network as c
from neurofer.errors import ReadError, UsageError
from neurofer.ir import BINARY, Contract
from neurofer.ir import nodes as n
from tests import networks
from tests.backends.c import handwritten


def inputs(samples=9, steps=handwritten.STEPS):
    return np.random.default_rng(1).integers(0, 2, (steps, samples, 3)).astype(np.uint8)


@pytest.fixture
def network(each_compiler):
    made = handwritten.network()
    assert made.compiler.command == each_compiler.command
    return made


def write(folder, **changed):
    files = {**handwritten.files(), "model_weights.c": handwritten.weights_code(), **changed}
    for name, text in files.items():
        if text:
            (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("steps", [handwritten.STEPS, 3], ids=["layer by layer", "step by step"])
def test_spikes_and_outputs_are_the_reference_s(network, steps):
    x = inputs(steps=steps)
    golden, found = reference.run(handwritten.program(), x), network.run(x)
    assert golden.count > 0
    assert np.array_equal(found.spikes["if"].bits, golden.spikes["if"].bits)
    assert np.array_equal(found.outputs["output"], golden.outputs["output"])
    assert set(np.unique(found.outputs["output"])) == {0.0, 1.5}
    assert np.array_equal(network.infer(x)["output"], golden.outputs["output"])


@pytest.mark.parametrize("threads", [2, 3, 16])
@pytest.mark.parametrize("samples", [1, 9])
def test_threads_change_nothing(threads, samples):
    x = inputs(samples)
    golden = reference.run(handwritten.program(), x)
    prepared = handwritten.network(How(threads=threads)).prepare(x)
    for _ in range(3):
        prepared.run()
        assert np.array_equal(prepared.outputs()["output"], golden.outputs["output"])


def test_other_weights_need_no_other_library(cache):
    x, libraries = inputs(), []
    for factor in (1, -1, 2):
        changed = handwritten.network(weights=(handwritten.WEIGHT * factor).astype(np.int8))
        golden = reference.run(handwritten.program(handwritten.WEIGHT * factor), x)
        assert np.array_equal(changed.infer(x)["output"], golden.outputs["output"])
        libraries.append({path.name for path in cache.glob("*.so")})
    assert libraries[0] == libraries[1] == libraries[2]
    assert len(libraries[0]) == 1


def test_files_are_run_as_they_are(tmp_path):
    golden = reference.run(handwritten.program(), inputs())
    found = c.read(write(tmp_path), handwritten.program()).run(inputs())
    assert np.array_equal(found.spikes["if"].bits, golden.spikes["if"].bits)
    other = handwritten.CODE.replace(">= 2", ">= 3")
    found = c.read(write(tmp_path, **{"model.c": other}), handwritten.program()).run(inputs())
    assert not np.array_equal(found.spikes["if"].bits, golden.spikes["if"].bits)


def test_files_of_another_program_are_named(tmp_path):
    with pytest.raises(ReadError, match=r"no generated C files.*model_weights.c"):
        c.read(write(tmp_path, **{"model_weights.c": ""}), handwritten.program())
    other = handwritten.CODE.replace('\\"input\\"', '\\"image\\"')
    with pytest.raises(ReadError, match=r"other inputs: image instead of input.*\n  next: export it again"):
        c.read(write(tmp_path, **{"model.c": other}), handwritten.program())
    other = handwritten.CODE.replace('\\"steps\\"', '\\"time\\"')
    with pytest.raises(ReadError, match=r"in no known form: .*steps"):
        c.read(write(tmp_path, **{"model.c": other}), handwritten.program())


def test_inputs_that_the_code_cannot_read_are_refused():
    network = handwritten.network()
    for x in (inputs() * 0.5, inputs() * -1.0, inputs() * 300.0):
        with pytest.raises(UsageError, match=r"input: the input is not binary, .* generated for: its values go"):
            network.infer(x)
    with pytest.raises(UsageError, match=r"more steps than .* generated for: 5 instead of 4.*\n  next: .*--steps 5"):
        network.infer(inputs(steps=5))
    with pytest.raises(UsageError, match="another shape"):
        network.infer(np.zeros((4, 1, 2)))


def test_a_build_for_any_cpu_gives_the_same(cache):
    x = inputs()
    expected = handwritten.network().infer(x)["output"]
    assert np.array_equal(handwritten.network(How(cpu="any")).infer(x)["output"], expected)
    assert len(list(cache.glob("*.so"))) == 2


@pytest.mark.parametrize("made", [networks.convolutional, networks.residual, networks.recurrent])
def test_threads_share_the_layers_of_a_sample(made):
    """With every layer taken for one that is large enough."""
    program = made()
    x = networks.spikes_for(program, samples=3)
    golden = reference.run(program, x)
    for samples in (1, 3):
        found = c.load(program, threads=2, defines=("NF_SHARED=0",)).infer(x[:, :samples])
        assert np.array_equal(found["output"], golden.outputs["output"][:, :samples])


def wide_head():
    """Weights of 370 KB behind a single pixel: worth to be read once for several samples."""
    rng = np.random.default_rng(2)
    nodes = {
        "input": n.Input((64, 12, 12), BINARY),
        "flatten": n.Flatten(),
        "fc": n.Linear(networks.grid(rng, 40, 64 * 144, bits=3)),
        "fire": n.Neuron(theta=8.0),
        "output": n.Output(),
    }
    return networks.in_a_row(nodes, Contract(steps=3))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("samples", [1, 17, 33])
def test_samples_are_run_together(threads, samples):
    program = wide_head()
    x = np.random.default_rng(3).random((3, samples, 64, 12, 12)) < 0.1
    network = c.load(program, threads=threads)
    assert network.engine.description.together
    golden = reference.run(program, x.astype(np.uint8))
    assert np.array_equal(network.infer(x.astype(np.uint8))["output"], golden.outputs["output"])


def test_threads_share_a_batch():
    program, samples = wide_head(), 9
    x = (np.random.default_rng(3).random((3, samples, 64, 12, 12)) < 0.1).astype(np.uint8)
    engine = c.load(program, threads=2, defines=("NF_SHARED=0",)).engine
    (entering,), (leaving,) = engine.description.inputs, engine.description.outputs
    states, found = engine.state(samples), leaving.buffer(samples, 3)
    engine.threads(2)
    engine.init(states)
    engine.batch(states, [entering.feed(x)], [found])
    golden = reference.run(program, x)
    assert np.array_equal(np.moveaxis(leaving.values(found), 0, 1), golden.outputs["output"])


def test_small_heads_are_run_one_after_the_other():
    assert not c.load(networks.convolutional()).engine.description.together
    assert not c.load(networks.recurrent()).engine.description.together
