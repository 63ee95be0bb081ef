"""The target c on the command line: bundles that are run as they are, and what is said without a compiler."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import neurofer
from neurofer.backends import reference
from neurofer.report.bundle import open_bundle
from neurofer.report.report import read_report

FILES = {"model.c", "model.h", "model_weights.c", "program.npz", "golden.npz"}


@pytest.fixture(scope="module", autouse=True)
def session_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROFER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def exported(tmp_path_factory, network_file):
    """A bundle that no test may change."""
    from neurofer.cli import execute

    out = tmp_path_factory.mktemp("c") / "small-c"
    assert execute(["export", str(network_file), "--to", "c", "--out", str(out), "--samples", "3", "--json"]) == 0
    return out


@pytest.fixture
def bundle(exported, tmp_path):
    """A bundle that a test may change."""
    return shutil.copytree(exported, tmp_path / "bundle")


@pytest.fixture
def no_compiler(tmp_path, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("neurofer.backends.c.compiler.find_spec", lambda _: None)


def test_a_bundle_holds_the_code_and_its_numbers(exported, network):
    assert {path.name for path in exported.iterdir()} == FILES | {"manifest.json", "report.json", "report.md"}
    made = open_bundle(exported)
    assert (made.manifest.target, made.manifest.artifact) == ("c", "model.c")
    assert made.manifest.verdict == {"c/stock": "EXACT"}
    assert made.program() == network()
    report = read_report(exported / "report.json")
    assert {node.node: node.number for node in report.arithmetic} == dict.fromkeys(
        ("fc1", "if1", "fc2", "lif2", "output"), "int32"
    )
    assert "| if1 | int32 | 2^-3 |" in (exported / "report.md").read_text()


def test_its_files_compile_as_they_say(bundle):
    main = (
        '#include "model.h"\n#include <stdio.h>\nstatic model_state state;\nint main(void)\n{\n'
        "    static uint8_t x[MODEL_STEPS][4];\n    static uint8_t y[MODEL_STEPS][3];\n    int t;\n    int c;\n"
        "    for (t = 0; t < MODEL_STEPS; t++)\n        for (c = 0; c < 4; c++)\n            x[t][c] = 1;\n"
        "    model_init(&state, model_weights);\n    model_sequence(&state, x[0], y[0]);\n"
        "    for (t = 0; t < MODEL_STEPS; t++)\n        for (c = 0; c < 3; c++)\n            putchar('0' + y[t][c]);\n"
        "    return 0;\n}\n"
    )
    (bundle / "main.c").write_text(main)
    strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-ffp-contract=off"]
    subprocess.run(["cc", *strict, "main.c", "model.c", "model_weights.c", "-o", "run"], cwd=bundle, check=True)
    said = subprocess.run(["./run"], cwd=bundle, check=True, capture_output=True, text=True).stdout
    (bundle / "main.c").unlink()
    (bundle / "run").unlink()
    program = open_bundle(bundle).program()
    golden = reference.run(program, np.ones((12, 1, 4), np.uint8))
    assert said == "".join(str(int(v)) for v in golden.outputs["output"].ravel())


def test_a_bundle_is_compiled_and_run_as_it_is(cli, exported, bundle):
    result = cli("verify", exported, "--json")
    assert result.code == 0, result.err
    (row,) = result.json()["targets"]
    assert (row["target"], row["importer"], row["verdict"]) == ("c", "stock", "EXACT")
    assert row["nodes_compared"] == row["nodes_total"] == 2
    code = bundle / "model.c"
    code.write_text(code.read_text() + "/* another */\n")
    assert cli("verify", bundle).is_one_error("model.c", "sha256 differs")


def test_code_that_computes_something_else_is_divergent(cli, bundle):
    reseal(bundle, "model_weights.c", lambda text: re.sub("0x[0-9a-f]+", "0x1", text))
    assert cli("verify", bundle).code == 1
    reseal(bundle, "model.c", lambda text: text + "int nonsense = missing;\n")
    result = cli("verify", bundle)
    assert result.is_one_error("the compiler refused what was generated", "model.c:", "missing")


def reseal(folder, name, change):
    """Change a file of a bundle, and its hash in the manifest."""
    import hashlib

    path, manifest = folder / name, folder / "manifest.json"
    path.write_text(change(path.read_text()))
    table = json.loads(manifest.read_text())
    table["sha256"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(table))


def test_other_verbs_read_the_bundle(cli, exported):
    assert cli("inspect", exported, "--json").json()["params"] == 42
    assert cli("report", exported).code == 0
    assert cli("energy", exported).code == 0
    assert cli("verify", exported, "--on", "norse").is_one_error("this bundle runs in compiled C alone", "--on")


def test_any_network_is_verified_in_c(cli, network_file, soft_file):
    for path in (network_file, soft_file):
        result = cli("verify", path, "--on", "c", "--json")
        assert [row["verdict"] for row in result.json()["targets"]] == ["EXACT"], result.err
    assert "stock importers read" not in cli("verify", network_file, "--on", "c").out
    network = neurofer.load(network_file, backend="c")
    x = (np.random.default_rng(0).random((12, 5, 4)) < 0.5).astype(np.uint8)
    assert np.array_equal(network.run(x).outputs["output"], neurofer.load(network_file).run(x).outputs["output"])


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_the_ways_to_get_one_are_told(cli, exported, network_file, tmp_path):
    result = cli("verify", network_file, "--on", "c")
    assert result.code == 4
    assert "c: NOT_RUN: there is no C compiler" in result.out
    assert "pip install 'neurofer[native]'" in result.out
    assert cli("verify", exported).code == 4
    result = cli("export", network_file, "--to", "c", "--out", tmp_path / "out")
    assert (result.code, (tmp_path / "out" / "model.c").is_file()) == (4, True)
    result = cli("doctor", "--json")
    (found,) = [finding for finding in result.json()["system"] if finding["name"] == "C compiler"]
    assert result.code == 4
    assert found["problem"] == "there is no C compiler"
    assert "apt install gcc" in found["fix"]


def test_the_compiler_is_told(cli):
    found = {finding["name"]: finding for finding in cli("doctor", "--json").json()["system"]}["C compiler"]
    assert found["problem"] == ""
    assert found["found"].endswith(("with OpenMP", "without OpenMP"))
    (target,) = cli("targets", "c", "--json").json()["targets"]
    assert target["installed"]["C compiler"] in found["found"]


def test_what_was_compiled_can_be_removed(cli, network_file, tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROFER_CACHE", str(tmp_path / "cache"))
    assert cli("verify", network_file, "--on", "c").code == 0
    assert list((tmp_path / "cache" / "native").glob("*.so"))
    assert "MB of compiled libraries removed" in cli("targets", "remove", "c").err
    assert not (tmp_path / "cache" / "native").exists()
    assert "c: 0.0 MB" in cli("targets", "remove", "c").err
    assert cli("targets", "setup", "c").is_one_error("there is no environment 'c'")
