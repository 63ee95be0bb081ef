"""Hostile input: one clear error each, the right exit code, nothing on standard output, nothing half-written."""

import shutil

import h5py
import nir
import numpy as np
import pytest


def graph(**changed):
    nodes = {
        "input": nir.Input({"input": np.array([4])}),
        "fc": nir.Affine(np.ones((3, 4), np.float32), np.zeros(3, np.float32)),
        "lif": nir.LIF(*(np.ones(3) for _ in range(4)), v_reset=np.zeros(3)),
        "output": nir.Output({"output": np.array([3])}),
    }
    edges = changed.pop("edges", [("input", "fc"), ("fc", "lif"), ("lif", "output")])
    return nir.NIRGraph({**nodes, **changed}, edges, type_check=False)


def truncated(path):
    nir.write(path, graph())
    path.write_bytes(path.read_bytes()[:-200])


def empty(path):
    path.write_bytes(b"")


def other_hdf5(path):
    with h5py.File(path, "w") as file:
        file["weights"] = np.ones(3)


def nan_weights(path):
    nir.write(path, graph(fc=nir.Affine(np.full((3, 4), np.nan, np.float32), np.zeros(3, np.float32))))


def cycle_without_delay(path):
    loop = nir.Linear(np.ones((4, 4), np.float32))
    back = nir.Linear(np.ones((4, 4), np.float32))
    edges = [("input", "loop"), ("loop", "back"), ("back", "loop"), ("loop", "fc"), ("fc", "lif"), ("lif", "output")]
    nir.write(path, graph(loop=loop, back=back, edges=edges))


def shape_mismatch(path):
    nir.write(path, graph(fc=nir.Affine(np.ones((3, 5), np.float32), np.zeros(3, np.float32))))


def unknown_node(path):
    nir.write(path, graph())
    with h5py.File(path, "r+") as file:
        del file["node/nodes/lif/type"]
        file["node/nodes/lif/type"] = "Perceptron"


def no_output(path):
    nir.write(path, graph(edges=[("input", "fc"), ("fc", "lif")]))
    with h5py.File(path, "r+") as file:
        del file["node/nodes/output"]


FILES = {
    truncated: "not a complete HDF5 file",
    empty: "not a complete HDF5 file",
    other_hdf5: "not a NIR graph",
    nan_weights: "not finite",
    cycle_without_delay: "cycle",
    shape_mismatch: "does not fit weight",
    unknown_node: "Perceptron",
    no_output: "Output",
}


@pytest.mark.parametrize("verb", ["inspect", "verify", "export"])
@pytest.mark.parametrize("damage", FILES, ids=lambda damage: damage.__name__)
def test_a_file_that_is_no_network(cli, tmp_path, damage, verb):
    path = tmp_path / "net.nir"
    damage(path)
    options = ["--to", "nir", "--out", tmp_path / "out"] if verb == "export" else []
    result = cli(verb, path, *options)
    assert result.is_one_error(FILES[damage], "net.nir"), result
    assert [p.name for p in tmp_path.iterdir()] == ["net.nir"]


def test_the_undamaged_file_is_read(cli, tmp_path):
    nir.write(tmp_path / "net.nir", graph())
    assert cli("inspect", tmp_path / "net.nir").code == 0


OPTIONS = {
    ("inspect", "nothing.nir"): ["nothing.nir", "no such file"],
    ("inspect", "no-such-recipe"): ["no-such-recipe", "conv-snn, conv-snn-ferplus, digits, spiking-fer"],
    ("inspect", "nothing.safetensors"): ["no such checkpoint"],
    ("inspect",): ["Missing argument", "neurofer inspect --help"],
    ("inspect", "digits", "--colour"): ["--colour", "neurofer inspect --help"],
    ("inspect", "digits", "--steps", "0"): ["--steps"],
    ("inspect", "digits", "--reset", "sideways"): ["sideways", "hard", "soft"],
    ("inspect", "digits", "--scheme", "euler"): ["--scheme"],
    ("inspect", "digits", "--input-size", "9"): ["multiple of 4"],
    ("fly", "digits"): ["fly"],
    ("verify", "digits", "--on", "brian,norse"): ["brian", "norse, snntorch, spikingjelly"],
    ("verify", "digits", "--on", ""): ["--on"],
    ("verify", "digits", "--importer", "theirs"): ["theirs"],
    ("verify", "digits", "--density", "2"): ["--density"],
    ("export", "digits", "--out", "out"): ["--to"],
    ("export", "digits", "--to", "mars", "--out", "out"): ["mars"],
    ("export", "digits", "--to", "reference", "--out", "out"): ["reference"],
    ("report", "."): ["no bundle"],
    ("report", "nothing"): ["nothing"],
}


@pytest.mark.parametrize("arguments", OPTIONS, ids=" ".join)
def test_a_wrong_call(cli, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    result = cli(*arguments)
    assert result.is_one_error(*OPTIONS[arguments]), result
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options", [["--reset", "soft"], ["--input-size", "8"], ["--width", "2"], ["--dt", "1e-3"]], ids=lambda o: o[0]
)
def test_an_option_the_file_does_not_take_is_refused_by_name(cli, network_file, options):
    assert cli("inspect", network_file, *options).is_one_error("small.nir", options[0].removeprefix("--"))


def test_a_bundle_takes_no_other_input(cli, shared_bundle):
    result = cli("verify", shared_bundle, "--density", "0.5", "--samples", "2")
    assert result.is_one_error("--density, --samples")


@pytest.mark.parametrize("option", ["--samples", "--seed"])
def test_a_bundle_takes_no_default_that_is_spelt_out_either(cli, shared_bundle, option):
    value = {"--samples": "1", "--seed": "0"}[option]
    assert cli("verify", shared_bundle, option, value).is_one_error(option)


def save(path, x):
    np.save(path, x, allow_pickle=True)


INPUTS = {
    "text": (lambda path: path.write_text("1 2 3"), "no complete .npy file"),
    "objects": (lambda path: save(path, np.array([{}], dtype=object)), "no complete .npy file"),
    "strings": (lambda path: save(path, np.array(["a"])), "no array of real numbers"),
    "another shape": (lambda path: save(path, np.ones((3, 2, 5))), "another shape"),
    "NaN": (lambda path: save(path, np.full((3, 2, 4), np.nan)), "not finite"),
    "no steps": (lambda path: save(path, np.ones((0, 2, 4))), "empty"),
    "missing": (lambda _: None, "no such file"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_file_that_is_none(cli, tmp_path, network_file, name):
    make, words = INPUTS[name]
    make(tmp_path / "x.npy")
    assert cli("verify", network_file, "--input", tmp_path / "x.npy").is_one_error(words)


def altered(bundle):
    path = bundle / "golden.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def missing(bundle):
    (bundle / "model.nir").unlink()


def unknown_schema(bundle):
    path = bundle / "manifest.json"
    path.write_text(path.read_text().replace("neurofer.bundle/1", "neurofer.bundle/9"))


def no_json(bundle):
    (bundle / "manifest.json").write_text("{")


def no_manifest(bundle):
    (bundle / "manifest.json").unlink()


BUNDLES = {
    altered: "golden.npz: the file is not the one that was exported",
    missing: "model.nir: the file is missing",
    unknown_schema: "neurofer.bundle/9",
    no_json: "the manifest cannot be read",
    no_manifest: "no bundle",
}


@pytest.mark.parametrize("verb", ["verify", "report", "inspect"])
@pytest.mark.parametrize("damage", BUNDLES, ids=lambda damage: damage.__name__)
def test_a_bundle_that_is_not_as_it_was_exported(cli, bundle, damage, verb):
    damage(bundle)
    assert cli(verb, bundle).is_one_error(BUNDLES[damage])


@pytest.mark.parametrize("place", ["/proc/bundle", "file/bundle"])
def test_an_output_folder_that_cannot_be_written(cli, tmp_path, monkeypatch, network_file, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    assert cli("export", network_file, "--to", "nir", "--out", place).is_one_error("cannot write", place)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_output_that_exists_is_refused_before_any_work(cli, bundle, network_file):
    before = {p.name: p.read_bytes() for p in bundle.iterdir()}
    result = cli("export", network_file, "--to", "nir", "--out", bundle)
    assert result.is_one_error("exists already", "--force")
    assert "reading" not in result.err
    assert {p.name: p.read_bytes() for p in bundle.iterdir()} == before


def test_force_does_not_replace_a_folder_that_is_no_bundle(cli, tmp_path, network_file):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    result = cli("export", network_file, "--to", "nir", "--out", tmp_path / "photos", "--force")
    assert result.is_one_error("manifest.json")
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"cat"


def test_a_bundle_can_be_moved(cli, bundle, tmp_path):
    shutil.move(bundle, tmp_path / "elsewhere")
    assert cli("inspect", tmp_path / "elsewhere").code == 0
