"""Bundles appear whole or not at all, and are known by the hashes of their files."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from neurofer.errors import BundleError, UsageError, WriteError
from neurofer.files import cannot_write
from neurofer.ir import serde
from neurofer.report.bundle import GOLDEN, MANIFEST, REPORT, Manifest, open_bundle, publish, seal
from neurofer.report.golden import write_golden
from neurofer.report.report import write_report


def manifest(program, **changed) -> Manifest:
    values = {
        "network": "small",
        "weights": "random",
        "target": "nir",
        "backend": "nir",
        "artifact": "model.nir",
        "command": "neurofer export small --to nir",
        "seed": 0,
        "sample": "drawn",
        "contract": program.contract,
        "verdict": {"norse/neurofer": "EXACT"},
        "caveats": [],
        "versions": {},
    }
    return Manifest(**{**values, **changed})


@pytest.fixture
def bundle(tmp_path, program, trace, report):
    with publish(tmp_path / "bundle") as folder:
        serde.write(folder / "model.nir", program)
        write_golden(folder / GOLDEN, trace, program.contract)
        write_report(folder / REPORT, report)
        seal(folder, manifest(program))
    return tmp_path / "bundle"


def test_a_bundle_is_read_as_it_was_written(bundle, program, trace):
    found = open_bundle(bundle)
    assert found.program() == program
    assert np.array_equal(found.golden(program).unpack("b"), trace.unpack("b"))
    assert found.manifest.contract == program.contract
    assert set(found.manifest.sha256) == {"model.nir", GOLDEN, REPORT}


def test_every_altered_and_missing_file_is_named(bundle):
    (bundle / "model.nir").write_bytes(b"")
    (bundle / REPORT).unlink()
    with pytest.raises(BundleError) as caught:
        open_bundle(bundle)
    assert {p.where for p in caught.value.problems} == {"model.nir", REPORT}


def test_one_bit_is_noticed(bundle):
    content = bytearray((bundle / "model.nir").read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / "model.nir").write_bytes(content)
    with pytest.raises(BundleError, match=r"model\.nir: the file is not the one that was exported"):
        open_bundle(bundle)


def test_a_manifest_that_leaves_out_a_file_is_noticed(bundle):
    content = msgspec.json.decode((bundle / MANIFEST).read_bytes())
    del content["sha256"][GOLDEN]
    (bundle / MANIFEST).write_bytes(msgspec.json.encode(content))
    with pytest.raises(BundleError, match=r"golden\.npz: the manifest has no sha256"):
        open_bundle(bundle)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "cannot be read"), (b"{}", "cannot be read"), (b'{"schema": "other/1"}', "'other/1'"), (b"\xff", "read")],
)
def test_a_manifest_that_is_none(bundle, content, words):
    (bundle / MANIFEST).write_bytes(content)
    with pytest.raises(BundleError, match=words):
        open_bundle(bundle)


def test_a_manifest_without_a_field_says_which(bundle):
    content = msgspec.json.decode((bundle / MANIFEST).read_bytes())
    del content["contract"]
    (bundle / MANIFEST).write_bytes(msgspec.json.encode(content))
    with pytest.raises(BundleError, match="contract"):
        open_bundle(bundle)


def test_a_folder_that_is_no_bundle_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(BundleError, match="neurofer export"):
        open_bundle(tmp_path)


def test_an_artifact_without_a_program_says_so(bundle, program):
    (bundle / MANIFEST).unlink()
    (bundle / "model.onnx").write_bytes(b"onnx")
    seal(bundle, manifest(program, artifact="model.onnx", target="onnx", backend="onnx"))
    with pytest.raises(UsageError, match=r"no program can be read from model\.onnx"):
        open_bundle(bundle).program()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_remains_of_an_export_that_fails(tmp_path, error):
    def fail():
        with publish(tmp_path / "out") as folder:
            (folder / "half").write_text("half")
            assert list(tmp_path.iterdir()) == [folder]
            raise error

    with pytest.raises(error):
        fail()
    assert not list(tmp_path.iterdir())


def test_the_old_bundle_survives_an_export_that_fails(bundle):
    def fail():
        with publish(bundle, force=True) as folder:
            raise cannot_write(folder / "model.nir", OSError(28, "No space left on device"))

    with pytest.raises(WriteError, match="there is no room") as caught:
        fail()
    assert str(caught.value).startswith(f"{bundle / 'model.nir'}: cannot write: ")
    assert open_bundle(bundle)
    assert [p.name for p in bundle.parent.iterdir()] == ["bundle"]


def test_what_fails_in_an_export_but_writing_is_told_as_it_is(tmp_path):
    def fail():
        with publish(tmp_path / "out"):
            raise OSError("libgomp.so.1: cannot open shared object file")

    with pytest.raises(OSError, match="libgomp"):
        fail()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("failing", [1, 2])
def test_the_old_bundle_comes_back_where_the_new_one_cannot_follow(bundle, monkeypatch, failing):
    rename, calls = Path.rename, []

    def stuck(self, target):
        calls.append(target)
        if len(calls) == failing:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    def replace():
        with publish(bundle, force=True) as folder:
            (folder / MANIFEST).write_text("new")

    monkeypatch.setattr(Path, "rename", stuck)
    with pytest.raises(WriteError, match="Input/output error"):
        replace()
    assert open_bundle(bundle)
    assert [p.name for p in bundle.parent.iterdir()] == ["bundle"]


def test_an_old_bundle_that_cannot_be_removed_is_no_failure(bundle, monkeypatch):
    real = shutil.rmtree

    def stuck(path, ignore_errors=False):
        if not ignore_errors:
            raise OSError(13, "Permission denied")
        real(path, ignore_errors=True)

    monkeypatch.setattr(shutil, "rmtree", stuck)
    with publish(bundle, force=True) as folder:
        (folder / MANIFEST).write_text("new")
    assert (bundle / MANIFEST).read_text() == "new"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", "a\\b", ""])
@pytest.mark.parametrize("field", ["artifact", "sha256"])
def test_a_manifest_names_files_of_its_own_folder_only(bundle, name, field):
    content = msgspec.json.decode((bundle / MANIFEST).read_bytes())
    content[field] = name if field == "artifact" else {**content[field], name: "0" * 64}
    (bundle / MANIFEST).write_bytes(msgspec.json.encode(content))
    with pytest.raises(BundleError, match="no plain file name"):
        open_bundle(bundle)


def test_an_existing_folder_is_refused_and_a_foreign_one_even_with_force(bundle, tmp_path):
    with pytest.raises(WriteError, match="--force"), publish(bundle):
        pass
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("cat")
    with pytest.raises(WriteError, match=r"no manifest\.json"), publish(tmp_path / "photos", force=True):
        pass
    with pytest.raises(WriteError, match="exists"), publish(tmp_path / "photos" / "cat.jpg", force=True):
        pass
    assert (tmp_path / "photos" / "cat.jpg").read_text() == "cat"


def test_force_replaces_an_empty_folder_and_a_marked_one(tmp_path):
    for content in ("one", "two"):
        (tmp_path / "out").mkdir(exist_ok=True)
        with publish(tmp_path / "out", force=True, mark="mark") as folder:
            (folder / "mark").write_text(content)
        assert (tmp_path / "out" / "mark").read_text() == content
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_folders_above_are_made(tmp_path):
    with publish(tmp_path / "a" / "b") as folder:
        (folder / "c").write_text("c")
    assert (tmp_path / "a" / "b" / "c").read_text() == "c"
