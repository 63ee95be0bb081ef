"""Hostile and broken files: one error of ours that names the file and the node; nothing half-written."""

import shutil
import subprocess
import sys

import h5py
import nir
import numpy as np
import pytest

from neurofer.errors import NeuroferError, ReadError, WriteError
from neurofer.ir import nodes as n
from neurofer.ir import serde
from tests.ir.graphs import full, others
from tests.strategies import chain


def program():
    conv = n.Conv2d(np.arange(8, dtype=np.float32).reshape(2, 1, 2, 2))
    layers = [("conv", conv), ("if", n.Neuron(gain=np.arange(1.0, 9.0).reshape(2, 2, 2))), ("flat", n.Flatten())]
    return chain(("input", n.Input((1, 3, 3))), *layers, ("fc", n.Linear(np.ones((2, 8), np.float32))))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("nir") / "model.nir"
    serde.write(path, program())
    return path


@pytest.fixture
def broken(whole, tmp_path):
    """A copy of the file to break."""
    return shutil.copy(whole, tmp_path / "broken.nir")


@pytest.fixture
def foreign(tmp_path):
    """A file of somebody else, without our metadata."""
    path = tmp_path / "foreign.nir"
    conv = nir.Conv2d((3, 3), np.ones((2, 1, 2, 2), np.float32), 1, 0, 1, 1, np.zeros(2, np.float32))
    graph = others({"conv": conv, "lif": nir.LIF(*full(1.0, 1.0, 0.0, 1.0, shape=(2, 2, 2)))}, shape=(1, 3, 3))
    graph.nodes["output"] = nir.Output(np.array([2, 2, 2]))
    nir.write(path, graph)
    assert serde.read(path).shapes["lif"] == (2, 2, 2)
    return path


def refused(path, match=None):
    with pytest.raises(NeuroferError, match=match) as caught:
        serde.read(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_file_cut_off_anywhere(whole, tmp_path):
    data = whole.read_bytes()
    path = tmp_path / "cut.nir"
    for length in [*range(0, 600, 13), *range(600, len(data), max(1, len(data) // 150))]:
        path.write_bytes(data[:length])
        refused(path, "not a complete HDF5 file")


def test_a_file_with_a_damaged_byte_is_refused_or_the_same_or_no_worse(whole, tmp_path):
    """HDF5 checks few of its bytes: whatever is read must be a program, and any error one of ours."""
    data = whole.read_bytes()
    path = tmp_path / "flipped.nir"
    rng = np.random.default_rng(7)
    refusals = []
    for position in rng.integers(0, len(data), 120):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :])
        try:
            serde.read(path)
        except NeuroferError as error:
            refusals.append(str(error))
    assert len(refusals) > 5
    assert all(text.startswith(str(path)) for text in refusals)


def test_what_is_no_graph(tmp_path):
    refused(tmp_path / "absent.nir", "no such file")
    refused(tmp_path, "no such file")
    text = tmp_path / "text.nir"
    text.write_text("weights")
    refused(text, "not a complete HDF5 file")
    other = tmp_path / "other.nir"
    with h5py.File(other, "w") as file:
        file["data"] = np.zeros(3)
    refused(other, "no group 'node'")
    with h5py.File(other, "w") as file:
        file["node"] = np.zeros(3)
    refused(other, "no group 'node'")
    single = tmp_path / "single.nir"
    nir.write(single, nir.Linear(np.ones((2, 2))))
    refused(single, "its one node is of type 'Linear'")
    empty = tmp_path / "empty.nir"
    nir.write(empty, nir.NIRGraph({}, [], type_check=False))
    refused(empty, "no Input node")


def edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file["node/nodes"], file["node"])


def put(name, value):
    def change(nodes, _):
        del nodes[name]
        if value is not None:
            nodes[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (put("conv/type", "Conv9d"), "conv: the node type 'Conv9d' is unknown"),
        (put("conv/type", None), "conv: the node has no type"),
        (put("conv/type", 7), "conv: the node type .*7.* is unknown"),
        (put("conv/type", "LIF"), "conv: LIF: 'v_threshold' is missing"),
        (put("conv/weight", None), "conv: .*weight"),
        (put("lif/tau", None), "lif: .*tau"),
        (put("lif/v_threshold", None), "lif: .*v_threshold"),
        (put("lif/tau", "slow"), "lif: LIF: text stands where numbers belong: tau"),
        (put("lif/tau", np.zeros((2, 2, 2))), "lif: LIF: tau must be positive"),
        (put("lif/tau", np.full((2, 2, 2), np.nan)), "lif: LIF: tau holds 8 values that are not finite"),
        (put("lif/tau", np.ones((3, 2, 2))), "lif: LIF: All parameters must have the same shape"),
        (put("lif", 3.0), "lif: this is an array, not a node"),
        (put("conv/weight", np.full((2, 1, 2, 2), np.inf)), "conv: .*weight holds 8 values"),
        (put("conv/weight", np.ones((2, 2, 2, 2))), "conv: Conv2d: input .* does not fit 2 channels"),
        (put("conv/weight", np.ones(4)), "conv"),
        (put("conv/weight", np.ones((2, 1, 2, 2), complex)), "conv: Conv2d: an array of numbers is needed"),
        (put("conv/bias", np.ones(3)), "conv: Conv2d: bias"),
        (put("conv/stride", 0), "conv: "),
        (put("conv/stride", -3), "conv: Conv2d: stride must be at least 1"),
        (
            put("conv/stride", np.array([1, 2**62])),
            r"declared output \[2, 2, 2\] is \[2, 2, 1\]|does not fit the input",
        ),
        (put("conv/stride", 0.5), "conv: Conv2d: "),
        (put("conv/stride", np.array([1.0, 0.5])), "conv: Conv2d: stride must be whole numbers"),
        (put("conv/padding", -1), "conv: Conv2d: padding must be at least 0"),
        (put("conv/padding", "full"), "conv: Conv2d: padding must be"),
        (put("conv/dilation", 2**40), "conv: Conv2d: kernel .* is larger than the padded input"),
        (put("conv/groups", 0), "conv: Conv2d: groups"),
        (put("conv/groups", np.array([1, 2])), "conv: Conv2d: groups"),
        (put("input/shape", None), "input: .*shape"),
        (put("input/shape", np.array([-1, 3, 3])), "input: Input: shape must be at least 1"),
        (put("input/shape", "large"), "input: Input: text"),
        (put("output/shape", np.array([5])), r"output: the declared output \[5\]"),
        (lambda _, graph: graph.pop("edges"), "edges"),
        (lambda _, graph: graph.pop("nodes"), "nodes"),
    ],
)
def test_broken_nodes_are_named(foreign, change, match):
    edit(foreign, change)
    refused(foreign, match)


@pytest.mark.parametrize(
    ("edges", "match"),
    [
        ([["input", "ghost"]], "there is no node 'ghost'"),
        ([["input", "conv", "lif"]], "no pair of node names"),
        (np.arange(4).reshape(2, 2), "no pair of node names"),
        (3, "edges|graph"),
        ([], "nothing enters this node"),
    ],
)
def test_broken_edges_are_named(foreign, edges, match):
    def change(_, graph):
        del graph["edges"]
        graph["edges"] = edges

    edit(foreign, change)
    refused(foreign, match)


def test_a_group_that_contains_itself(foreign):
    def change(nodes, graph):
        del nodes["lif"]
        nodes["lif"] = graph

    edit(foreign, change)
    refused(foreign)


def edit_metadata(broken, change):
    with h5py.File(broken, "r+") as file:
        change(file["node/metadata/neurofer"], file["node"])


def replace_text(old, new):
    def change(metadata, _):
        text = metadata["program"][()].decode()
        assert old in text
        del metadata["program"]
        metadata["program"] = text.replace(old, new)

    return change


def overwrite(name, value):
    def change(metadata, graph):
        target = metadata if name in metadata else graph
        del target[name]
        if value is not None:
            target[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (replace_text('"theta": 1.0', '"theta": 2.0'), "damaged"),
        (replace_text('"nodes"', '"notes"'), "damaged"),
        (overwrite("program", None), "damaged"),
        (overwrite("program", np.zeros(3)), "damaged"),
        (overwrite("schema", "neurofer/99"), "schema is 'neurofer/99'"),
        (overwrite("schema", None), "schema is None"),
        (overwrite("array0", np.arange(8.0).reshape(2, 2, 2)), "contradict[^-]*- if: "),
        (overwrite("array0", None), "damaged"),
        (overwrite("nodes/if/r", np.ones((2, 2, 2), np.float32)), "contradict[^-]*- if: "),
        (overwrite("nodes/conv/stride", np.array([2, 2])), "contradict[^-]*- conv: "),
        (overwrite("nodes/conv/bias", np.ones(2, np.float32)), "contradict[^-]*- conv: "),
        (overwrite("nodes/input/shape", np.array([1, 4, 4])), "contradict[^-]*- input: "),
        (overwrite("nodes/flat/start_dim", 1), "contradict[^-]*- flat: "),
        (overwrite("metadata/dt", 0.5), "contradict[^-]*- dt: "),
        (overwrite("edges", [["input", "conv"]]), "contradict[^-]*- edges: "),
        (overwrite("nodes/fc", None), "contradict[^-]*- fc: the graph lacks"),
        (overwrite("nodes/fc/weight", np.full((2, 8), np.nan)), "fc: .*weight holds 16 values"),
        (overwrite("nodes/fc/weight", np.ones((2, 9))), "fc: Linear: input"),
    ],
)
def test_metadata_and_graph_must_not_contradict_each_other(broken, change, match):
    edit_metadata(broken, change)
    refused(broken, match)


def test_metadata_that_are_no_group(broken):
    with h5py.File(broken, "r+") as file:
        del file["node/metadata/neurofer"]
        file["node/metadata/neurofer"] = "exact"
    refused(broken, "schema is 'exact'")


def test_a_node_that_the_metadata_lack(broken):
    def change(_, graph):
        graph.copy(graph["nodes/fc"], graph["nodes"], "more")

    edit_metadata(broken, change)
    refused(broken, "more: the metadata lack this node")


def test_nested_graphs_are_not_type_checked(tmp_path):
    conv = nir.Conv2d((3, 3), np.ones((2, 1, 2, 1), np.float32), 1, 0, 1, 2, np.zeros(2, np.float32))
    inner = others({"conv": conv}, shape=(2, 3, 3))
    inner.nodes["output"] = nir.Output(np.array([2, 2, 3]))
    graph = others({"block": inner}, shape=(2, 3, 3))
    graph.nodes["output"] = nir.Output(np.array([2, 2, 3]))
    nir.write(tmp_path / "nested.nir", graph)
    assert serde.read(tmp_path / "nested.nir").shapes["block.conv"] == (2, 2, 3)


# -- writing ----------------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_take_the_file(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.nir").mkdir()
    for path in (tmp_path / "absent" / "m.nir", tmp_path / "file" / "m.nir", tmp_path / "folder.nir"):
        with pytest.raises(WriteError, match="cannot write") as caught:
            serde.write(path, program())
        assert str(path) in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder.nir"}


FULL_DISK = """
import resource, sys
from neurofer.errors import WriteError
from neurofer.ir import serde
from tests.ir.test_nir_file import program
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    serde.write(sys.argv[1], program())
except WriteError as error:
    sys.exit(f"refused: {error}")
"""


def test_a_full_disk_leaves_the_old_file(whole, tmp_path, checkout):
    assert whole.stat().st_size > 4096
    path = tmp_path / "model.nir"
    path.write_text("the old one")
    made = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert made.returncode == 1
    assert made.stderr.startswith(f"refused: {path}: cannot write: ")
    assert path.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_whole(whole, tmp_path):
    path = tmp_path / "model.nir"
    path.write_text("the old one")
    serde.write(path, program())
    assert serde.read(path) == serde.read(whole) == program()
    assert list(tmp_path.iterdir()) == [path]


def test_read_graph_leaves_the_program_to_others(whole):
    graph = serde.read_graph(whole)
    assert set(graph.nodes) == set(program().nodes)
    with pytest.raises(ReadError, match="no such file"):
        serde.read_graph("absent.nir")
