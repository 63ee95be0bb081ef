from dataclasses import replace

import numpy as np
import pytest

from neurofer import resources
from neurofer.backends import targets as room
from neurofer.energy import profile_names
from neurofer.errors import MissingPackageError, ReadError, RefusedError, UsageError
from neurofer.ir import Contract, Edge, Program, serde
from neurofer.ir import nodes as n
from tests.test_import_cost import heavy_imports

NODES = {
    n.Linear: n.Linear(np.ones((1, 1), np.float32)),
    n.Conv1d: n.Conv1d(np.ones((1, 1, 1), np.float32)),
    n.Conv2d: n.Conv2d(np.ones((1, 1, 1, 1), np.float32)),
    n.Scale: n.Scale(2.0),
    n.SumPool2d: n.SumPool2d((1, 1)),
    n.AvgPool2d: n.AvgPool2d((1, 1)),
    n.MaxPool2d: n.MaxPool2d((1, 1)),
    n.BatchNorm: n.BatchNorm(*np.ones((4, 1), np.float32)),
    n.Dropout: n.Dropout(0.5),
    n.Relu: n.Relu(),
    n.Concat: n.Concat(0),
    n.Flatten: n.Flatten(),
    n.Threshold: n.Threshold(0.5),
    n.Delay: n.Delay(1),
}
VALID = 'name = "mine"\ndescription = "d"\nbackend = "reference"\n'


def program_with(node):
    rank = {n.Linear: 1, n.Conv1d: 2}.get(type(node), 3)
    nodes = {"input": n.Input((1,) * rank), "node": node, "output": n.Output()}
    return Program(nodes, (Edge("input", "node"), Edge("node", "output")), Contract(encoder="events"))


def written(tmp_path, text, name="mine"):
    path = tmp_path / f"{name}.toml"
    path.write_text(text)
    return path


def test_every_file_is_a_target_with_a_backend_and_a_profile():
    found = room.targets()
    assert [target.name for target in found] == list(room.target_names())
    assert {"nir", "norse", "snntorch", "spikingjelly", "onnx", "reference"} <= set(room.target_names())
    for target in found:
        assert target.profile in profile_names()
        assert room.capabilities(target)
        # cross compilers, and simulators with an environment of their own, are set up by other commands
        assert target.board or target.environment or all(room.installed(target).values())


def test_a_target_is_read_by_path(tmp_path):
    target = room.load_target(written(tmp_path, VALID + "[options]\ndt = 1e-3\n"))
    assert (target.name, target.options.dt, target.importers) == ("mine", 1e-3, ())


def test_adding_a_target_is_adding_a_file(tmp_path, monkeypatch):
    written(tmp_path, VALID)
    monkeypatch.setattr(resources, "folder", {"targets": tmp_path}.__getitem__)
    assert room.target_names() == ("mine",)
    (column,) = room.support(room.load_target("mine"))
    assert column.cells["Delay"] == "yes"


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UsageError) as caught:
        room.load_target("loihi")
    assert "'loihi'" in str(caught.value)
    assert all(name in str(caught.value) for name in room.target_names())


def test_a_missing_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="no such target"):
        room.load_target(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (VALID + 'colour = "red"\n', "colour"),
        (VALID + "[options]\nstep = 1\n", "step"),
        (VALID + "[options]\ndt = 0\n", "options.dt"),
        (VALID + 'importers = ["theirs"]\n', "importers"),
        ('name = "mine"\ndescription = "d"\n', "backend"),
        (VALID.replace("mine", "yours"), "calls itself 'yours'"),
        ("name = ", "this is no target"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(text, words, tmp_path):
    with pytest.raises(ReadError) as caught:
        room.load_target(written(tmp_path, text))
    assert words in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_a_backend_that_does_not_exist_is_named(tmp_path):
    target = room.load_target(written(tmp_path, VALID.replace("reference", "abacus")))
    with pytest.raises(ReadError, match="abacus"):
        room.capabilities(target)


def test_a_package_that_is_missing_brings_its_install_command(monkeypatch):
    import sys

    monkeypatch.delitem(sys.modules, "neurofer.backends.onnx", raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingPackageError, match=r"neurofer\[onnx\]"):
        room.capabilities(room.load_target("onnx"))


def test_what_is_not_installed_has_no_version(tmp_path):
    target = room.load_target(written(tmp_path, VALID + 'packages = ["numpy", "no-such-package"]\n'))
    assert room.installed(target) == {"numpy": np.__version__, "no-such-package": None}


@pytest.mark.parametrize("kind", NODES, ids=lambda kind: kind.__name__)
def test_the_nir_column_is_what_nir_can_write(kind):
    (column,) = room.support(room.load_target("nir"))
    try:
        serde.to_nir(program_with(NODES[kind]))
        can = "yes"
    except RefusedError:
        can = "no"
    assert column.cells[kind.__name__] == can


def test_the_matrix_has_all_nodes_neurons_and_features():
    (column,) = room.support(room.load_target("reference"))
    assert {kind.__name__ for kind in NODES} == {kind.__name__ for kind in n.LAYERS}
    features = {"reset", "compare", "v_reset", "per neuron", "groups", "padded sum pooling", "sums", "recurrent"}
    assert set(column.cells) == {kind.__name__ for kind in n.LAYERS} | set(room.NEURONS) | features


def test_the_cells_follow_what_a_backend_declares():
    (can,) = room.capabilities(room.load_target("reference")).values()
    narrow = replace(
        can,
        nodes=can.nodes - {n.SumPool2d},
        neurons=frozenset({"LIF"}),
        resets=frozenset({"soft"}),
        compares=frozenset({">"}),
        groups=False,
        sums=False,
        recurrent=False,
        per_neuron=False,
        v_reset=False,
    )
    before, after = room._cells(can), room._cells(narrow)
    assert (after["reset"], after["compare"], after["LIF"]) == ("soft", ">", "yes")
    changed = {row for row in before if before[row] != after[row]}
    assert changed == {
        "SumPool2d",
        "padded sum pooling",
        *(kind for kind in room.NEURONS if kind != "LIF"),
        *("reset", "compare", "groups", "sums", "recurrent", "per neuron", "v_reset"),
    }


def test_simulators_have_a_column_for_each_importer():
    columns = {(c.target, c.importer): c.cells for c in room.support(room.load_target("norse"))}
    assert set(columns) == {("norse", "neurofer"), ("norse", "stock")}
    assert columns["norse", "neurofer"]["reset"] == "hard, soft"
    assert columns["norse", "stock"]["reset"] == "hard"


def test_dt_is_what_the_importers_assume():
    from importlib import import_module

    for name in ("norse", "snntorch", "spikingjelly"):
        assert room.load_target(name).options.dt == import_module(f"neurofer.backends.{name}").IMPORTER_DT


def test_markdown_is_one_table():
    columns = room.support(room.load_target("reference")) + room.support(room.load_target("onnx"))
    lines = room.markdown(columns).splitlines()
    assert lines[0] == "|  | reference | onnx (stock) |"
    assert "| Relu | yes | yes |" in lines
    assert "| LIF | yes | yes |" in lines
    assert {line.count("|") for line in lines} == {4}


def test_listing_targets_imports_no_framework():
    plain = "from neurofer.backends import targets as t; [t.installed(x) for x in t.targets()]"
    assert not heavy_imports(plain)
    assert "torch" in heavy_imports(plain + "; t.support(t.load_target('norse'))")
