import sys

import pytest

from neurofer.cli.doctor import packages


def test_this_installation_is_healthy(cli):
    result = cli("doctor", "--json")
    document = result.json()
    assert result.code == 0, document
    assert document["schema"] == "neurofer.doctor/1"
    assert document["ok"]
    found = {finding["name"]: finding for finding in document["packages"]}
    assert {"nir", "torch", "norse", "onnxruntime", "safetensors"} <= set(found)
    assert not {"pytest", "neurofer"} & set(found)
    assert {finding["name"] for finding in document["backends"]} >= {"norse", "snntorch", "spikingjelly", "onnx"}
    assert "spiking-fer" in {f["name"]: f for f in document["files"]}["recipes"]["found"]


def test_a_simulator_that_is_absent_is_a_problem_with_its_fix(cli, monkeypatch):
    monkeypatch.delitem(sys.modules, "neurofer.backends.snntorch", raising=False)
    monkeypatch.setitem(sys.modules, "snntorch", None)
    result = cli("doctor")
    assert result.code == 4
    assert "next: pip install 'neurofer[simulators]'" in result.out
    assert "all is well" not in result.out


def test_a_folder_that_cannot_be_written_is_a_problem_with_its_fix(cli, monkeypatch):
    monkeypatch.delenv("NEUROFER_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    result = cli("doctor", "--json")
    assert result.code == 4
    (cache,) = [finding for finding in result.json()["folders"] if finding["problem"]]
    assert cache["found"] == "/dev/null/cache/neurofer"
    assert "XDG_CACHE_HOME" in cache["fix"]


def test_packages_are_held_against_their_bounds(tmp_path):
    requirements = [
        "numpy>=2.0",
        "nir<1.0.8,>=1",
        "no-such-package>=1; extra == 'onnx'",
        "no-such-core>=3",
        "pytest>=8; extra == 'dev'",
        "numpy>=2.0; extra == 'train'",
    ]
    found = {finding.name: finding for finding in packages(requirements, tmp_path / "none")}
    assert list(found) == ["numpy", "nir", "no-such-package", "no-such-core"]
    assert not found["numpy"].problem
    assert found["nir"].problem == "neurofer needs <1.0.8,>=1"
    assert found["nir"].fix == "pip install 'nir<1.0.8,>=1'"
    assert found["no-such-package"].fix == "pip install 'neurofer[onnx]'"
    assert found["no-such-core"].fix == "pip install 'no-such-core>=3'"


@pytest.mark.parametrize(("pin", "told"), [("1.0.8", False), ("1.0.7", True)])
def test_another_version_than_the_pinned_is_told_and_no_problem(pin, told, tmp_path):
    path = tmp_path / "constraints.txt"
    path.write_text(f"# pins\nNIR=={pin}\n")
    (finding,) = packages(["nir>=1.0"], path)
    assert not finding.problem
    assert ("tested with" in finding.found) == told
