import numpy as np
import pytest
from hypothesis import given, settings

from neurofer.errors import ReadError
from neurofer.ir import Contract, Domain, Edge, Program, Readout, program_file
from neurofer.ir import nodes as n
from tests.ann import anns
from tests.networks import convolutional
from tests.strategies import programs


def assert_survives(program, folder):
    read = program_file.read(program_file.write(folder / "p.npz", program))
    assert dict(read.nodes) == dict(program.nodes)
    assert list(read.nodes) == list(program.nodes)
    assert (read.edges, read.contract) == (program.edges, program.contract)


@settings(max_examples=40)
@given(programs())
def test_any_spiking_program_survives(tmp_path_factory, program):
    assert_survives(program, tmp_path_factory.mktemp("p"))


@settings(max_examples=20)
@given(anns())
def test_any_ann_survives(tmp_path_factory, program):
    assert_survives(program, tmp_path_factory.mktemp("p"))


def test_what_is_not_plain_survives(tmp_path):
    nodes = {
        "a/../b": n.Input((2, 3), Domain("code", 255)),
        "": n.Scale(np.array([[-0.0, 1.0, 0.1], [2.0, 3.0, np.inf]])),
        "names": n.Neuron(alpha_syn=0.1, theta=np.arange(6.0).reshape(2, 3), delta=0.3, reset="soft"),
        "program": n.Output(),
    }
    names = list(nodes)
    edges = (*map(Edge, names, names[1:]), Edge("names", "", 1))
    contract = Contract(0.1, "exponential", 7, "poisson", Readout("argmax", "program"), "x / 255")
    assert_survives(Program(nodes, edges, contract), tmp_path)


@pytest.mark.parametrize(
    ("values", "bytes_each"),
    [
        ([0.25, -127 / 256, 0.125], 1),
        ([0.5, -129 / 256, 0.25], 2),
        ([2.0**100, 0.0, -(2.0**101)], 1),
        ([2.0**-140, 3 * 2.0**-140, 0.0], 1),
        ([0.0, 0.0, 0.0], 1),
        ([0.0, -0.0, 1.0], 4),
        ([1.0, 2.0**-15, 0.0], 4),
        ([0.1, 0.2, 0.3], 4),
        ([1.0, np.inf, np.nan], 4),
    ],
)
def test_values_on_a_grid_are_stored_as_integers(tmp_path, values, bytes_each):
    nodes = {"input": n.Input((3,)), "fc": n.Linear(np.array([values] * 40, np.float32)), "output": n.Output()}
    program = Program(nodes, (Edge("input", "fc"), Edge("fc", "output")))
    path = program_file.write(tmp_path / "p.npz", program)
    with np.load(path) as stored:
        assert stored["a0"].dtype.itemsize == bytes_each
    read = program_file.read(path).nodes["fc"].weight
    assert read.dtype == np.float32
    assert read.tobytes() == program.nodes["fc"].weight.tobytes()


def test_the_same_program_gives_the_same_bytes(tmp_path):
    first, second = (program_file.write(tmp_path / name, convolutional()).read_bytes() for name in ("a", "b"))
    assert first == second


@pytest.mark.parametrize("cut", [0, 100, -100, -1])
def test_a_damaged_file_is_one_clear_error(tmp_path, cut):
    path = program_file.write(tmp_path / "p.npz", convolutional())
    path.write_bytes(path.read_bytes()[:cut] if cut else b"")
    with pytest.raises(ReadError, match="the program is damaged"):
        program_file.read(path)


def test_no_file_is_one_clear_error(tmp_path):
    with pytest.raises(ReadError, match="the program is damaged"):
        program_file.read(tmp_path / "none.npz")
