import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from neurofer import resources
from neurofer.errors import ReadError

KINDS = ("targets", "models")
WHERE = f"from neurofer import resources as r; print(r.__file__, *map(r.folder, {KINDS}), sep='\\n')"


def _run(*command: str, cwd: Path, path: Path | None = None) -> str:
    env = {"PATH": "/usr/bin:/bin", **({"PYTHONPATH": str(path)} if path else {})}
    done = subprocess.run(command, cwd=cwd, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_checkout_folders_are_the_ones_found(checkout, kind):
    found = resources.folder(kind)
    assert found == checkout / kind
    assert list(found.glob("*.toml"))


def test_lost_folder_names_both_places_and_the_remedy(tmp_path):
    package = tmp_path / "neurofer"
    package.mkdir()
    with pytest.raises(ReadError, match="no targets folder") as caught:
        resources.folder("targets", package=package)
    assert str(package / "_resources" / "targets") in str(caught.value)
    assert str(tmp_path / "targets") in str(caught.value)
    assert "pip install --force-reinstall" in str(caught.value)


def test_folders_of_the_wheel_come_before_those_beside_it(tmp_path):
    inside = tmp_path / "neurofer" / "_resources" / "models"
    for place in (inside, tmp_path / "models"):
        place.mkdir(parents=True)
    assert resources.folder("models", package=tmp_path / "neurofer") == inside


@pytest.fixture(scope="module")
def wheel(checkout, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    _run(*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(out), str(checkout), cwd=out)
    return next(out.glob("neurofer-*.whl"))


def test_installed_wheel_carries_and_finds_its_folders(checkout, wheel, tmp_path):
    site = tmp_path / "site"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    _run(*pip, "install", "-q", "--no-deps", "--no-index", "--target", str(site), str(wheel), cwd=tmp_path)
    module, *folders = map(Path, _run(sys.executable, "-c", WHERE, cwd=tmp_path, path=site).splitlines())
    assert module == site / "neurofer" / "resources.py"
    for kind, folder in zip(KINDS, folders, strict=True):
        assert folder == site / "neurofer" / "_resources" / kind
        assert _contents(folder) == _contents(checkout / kind)


def test_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "neurofer/py.typed" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"neurofer"}


def test_cores_are_those_this_process_may_use():
    one = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    code = f"{one}; from neurofer import resources; print(resources.cores())"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "1\n"
