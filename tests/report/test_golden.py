"""The recorded sample: what is written is read, one node at a time."""

import zipfile

import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.errors import BundleError
from neurofer.ir import Trace
from neurofer.report.golden import read_golden, write_golden


def test_a_trace_is_read_as_it_was_written(tmp_path, program, trace):
    write_golden(tmp_path / "g.npz", trace, program.contract)
    read = read_golden(tmp_path / "g.npz", program)
    assert (read.steps, read.samples, read.count) == (trace.steps, trace.samples, trace.count)
    assert set(read.spikes) == {"a", "b"}
    assert all(np.array_equal(read.unpack(name), trace.unpack(name)) for name in trace.spikes)
    assert read.inputs["input"].dtype == trace.inputs["input"].dtype
    assert np.array_equal(read.inputs["input"], trace.inputs["input"])
    assert np.array_equal(read.outputs["output"], trace.outputs["output"])


@pytest.mark.parametrize("steps", [1, 2, 7, 8, 9])
@pytest.mark.parametrize("samples", [1, 3])
def test_spikes_of_any_length_survive(tmp_path, program, steps, samples):
    trace = reference.run(program, np.random.default_rng(steps).random((steps, samples, 3)) < 0.7)
    write_golden(tmp_path / "g.npz", trace, program.contract)
    read = read_golden(tmp_path / "g.npz", program)
    assert all(np.array_equal(read.unpack(name), trace.unpack(name)) for name in trace.spikes)


def test_a_constant_input_is_stored_once(tmp_path, constant_program):
    trace = reference.run(constant_program, np.ones((2, 3)))
    write_golden(tmp_path / "g.npz", trace, constant_program.contract)
    with np.load(tmp_path / "g.npz") as stored:
        assert stored["input.input"].shape == (2, 3)
    assert np.array_equal(read_golden(tmp_path / "g.npz", constant_program).inputs["input"], trace.inputs["input"])


def test_the_same_trace_gives_the_same_bytes(tmp_path, program, trace):
    for name in ("one", "two"):
        write_golden(tmp_path / f"{name}.npz", trace, program.contract)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_one_node_is_read_without_the_others(tmp_path, program, trace):
    path = tmp_path / "g.npz"
    write_golden(path, trace, program.contract)
    with zipfile.ZipFile(path) as file:
        start = file.getinfo("spikes.b.npy").header_offset
    damaged = bytearray(path.read_bytes())
    damaged[start + 60 : start + 70] = bytes(10)
    path.write_bytes(damaged)
    read = read_golden(path, program)
    assert np.array_equal(read.unpack("a"), trace.unpack("a"))
    with pytest.raises(BundleError, match="the recorded sample is damaged"):
        read.unpack("b")


def test_a_sample_of_another_program_names_what_is_missing(tmp_path, program, trace):
    other = Trace(trace.steps, trace.samples, trace.inputs, {"a": trace.spikes["a"]}, trace.outputs)
    write_golden(tmp_path / "g.npz", other, program.contract)
    with pytest.raises(BundleError, match=r"g\.npz: b"):
        read_golden(tmp_path / "g.npz", program)
