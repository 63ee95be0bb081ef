"""Environments: simulators that cannot be installed beside the rest run in a virtual environment of their own.

Each has a pinned list in ``targets/environments/``; its environment lies in the user's cache folder under a key made of
that list and the Python version, so a changed list never meets an old environment. A run is one process that starts
there, reads a plan (JSON) and arrays (npz) from a temporary folder, and leaves its arrays and versions in it: see
`workers.serve`, which imports nothing of neurofer.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from neurofer import resources
from neurofer.errors import MissingPackageError, SimulatorError, UsageError
from neurofer.ir.nodes import Array

PROTOCOL = 1
"""Version of what neurofer and its workers write for each other."""

TIMEOUT = 900.0
"""Seconds after which a run is given up."""

_WORKERS = Path(__file__).resolve().parent / "workers"
_TOLD = 12


@dataclass(frozen=True)
class Status:
    """What there is of an environment.

    Attributes:
        name: its name.
        state: ``ready``; ``missing``; ``outdated`` where only one of another list or Python version is there.
        folder: where it lies, or would.
        packages: its pinned packages, name -> version.
        seconds: how long its installation took; 0 if it is not ready.
        megabytes: what it takes on disk.
    """

    name: str
    state: Literal["ready", "missing", "outdated"]
    folder: Path
    packages: Mapping[str, str]
    seconds: float = 0.0
    megabytes: int = 0


def names() -> tuple[str, ...]:
    """Names of the environments there are lists for, sorted."""
    return tuple(sorted(path.stem for path in (resources.folder("targets") / "environments").glob("*.txt")))


def cache() -> Path:
    """The folder of all environments."""
    return resources.cache("environments")


def _list(name: str | Path) -> Path:
    """Return the pinned list of an environment, which may also be given as the path of a ``.txt`` file."""
    path = Path(name)
    if path.suffix != ".txt":
        path = resources.folder("targets") / "environments" / f"{name}.txt"
    if not path.is_file():
        raise UsageError(f"there is no environment {str(name)!r}", next_step=f"choose from {', '.join(names())}")
    return path


def packages(name: str | Path) -> dict[str, str]:
    """Return what the pinned list of an environment says: package -> version."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)", _list(name).read_text(), re.MULTILINE))


def version(name: str) -> str:
    """Return the name of a simulator and the version that is pinned for it."""
    pins = {package.lower(): pin for package, pin in packages(name).items()}
    return f"{name} {pins.get(name) or pins[f'{name}-simulator']}"


def _place(name: str | Path) -> tuple[Path, Path]:
    """Return the pinned list and the folder that an environment made from it has on this Python."""
    path = _list(name)
    maker = f"{platform.python_implementation()} {sys.version_info[0]}.{sys.version_info[1]} {platform.machine()}"
    key = hashlib.sha256(path.read_bytes() + maker.encode()).hexdigest()[:16]
    return path, cache() / path.stem / key


def status(name: str | Path) -> Status:
    """Return what there is of an environment."""
    path, folder = _place(name)
    try:
        made = json.loads((folder / "environment.json").read_text())
    except (OSError, ValueError):
        others = any((other / "environment.json").is_file() for other in folder.parent.glob("*"))
        return Status(path.stem, "outdated" if others else "missing", folder, packages(name))
    return Status(path.stem, "ready", folder, packages(name), made["seconds"], made["megabytes"])


def setup(name: str | Path, progress: Callable[[str], None] = lambda _: None) -> Status:
    """Make the environment unless it is there; what goes wrong leaves nothing behind.

    It is built beside its place and moved there when it is whole. Of several set-ups at once one builds and the others
    wait for it. Environments of older lists are removed.

    Raises:
        UsageError: there is no such environment.
        MissingPackageError: it could not be installed; the last words of pip are quoted.
    """
    path, folder = _place(name)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            "the cache folder cannot be written",
            where=str(folder.parent),
            why=str(error),
            next_step="set NEUROFER_CACHE",
        ) from error
    with _locked(folder.parent, progress):
        if (found := status(name)).state == "ready":
            return found
        _clear(folder.parent)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
        try:
            start = time.perf_counter()
            progress(f"{path.stem}: making an environment in {folder}")
            pinned = packages(name)
            _install(path.stem, [sys.executable, "-m", "venv", *([] if pinned else ["--without-pip"]), str(draft)])
            if pinned:
                progress(f"{path.stem}: installing {len(pinned)} packages, which can take minutes")
                pip = [str(_python(draft)), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
                _install(path.stem, [*pip, "--progress-bar", "off", "-r", str(path)])
            made = {"seconds": round(time.perf_counter() - start, 1), "megabytes": _size(draft) >> 20}
            (draft / "environment.json").write_text(json.dumps(made))
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return status(name)


def remove(name: str | Path) -> bool:
    """Remove every environment of this name; return whether there was one."""
    _, folder = _place(name)
    if not folder.parent.is_dir():
        return False
    with _locked(folder.parent):
        found = status(name).state != "missing"
        _clear(folder.parent)
    return found


def _clear(parent: Path) -> None:
    """Remove all environments of a name, and what set-ups that were killed have left."""
    for path in parent.iterdir():
        if path.is_dir():
            (path / "environment.json").unlink(missing_ok=True)  # first: half an environment must not look whole
            shutil.rmtree(path)


@contextlib.contextmanager
def _locked(parent: Path, progress: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Hold the lock on the environments of one name; the system lets go of it however this process ends."""
    import fcntl

    with (parent / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"{parent.name}: another set-up is under way, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def _install(name: str, command: list[str]) -> None:
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        code = _wait(command, None, said, said)
        if code:
            said.seek(0)
            raise MissingPackageError(
                f"the environment {name} could not be installed",
                why=f"exit code {code}\n{_last(said.read())}",
                next_step=f"see that the package index can be reached, then: neurofer targets setup {name}",
            )


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(f"    {line}" for line in lines[-_TOLD:])


def _wait(command: list[str], timeout: float | None, out: Any, err: Any) -> int:
    """Run a command in a process group of its own, and leave none of it alive, whatever happens here.

    Raises:
        subprocess.TimeoutExpired: it took longer than ``timeout`` seconds.
    """
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environ |= {"JAX_PLATFORMS": "cpu", "PYNEST_QUIET": "1", "MPLBACKEND": "Agg"}
    process = subprocess.Popen(  # noqa: S603 - the interpreter of an environment that setup() made, or this one
        command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environ, start_new_session=True
    )
    try:
        return process.wait(timeout)
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def run(
    name: str | Path,
    worker: str | Path,
    plan: Mapping[str, Any],
    arrays: Mapping[str, Array],
    *,
    timeout: float = TIMEOUT,
) -> dict[str, Array]:
    """Run a worker in an environment and return the arrays it made.

    Args:
        name: the environment.
        worker: name of a script in `neurofer.backends.workers`, or the path of one.
        plan: what to do; anything that JSON can hold.
        arrays: what to do it with.
        timeout: seconds after which it is given up.

    Raises:
        MissingPackageError: the environment is not set up.
        SimulatorError: the worker raised, crashed, hung, or speaks another version of the protocol.
    """
    found = status(name)
    if found.state != "ready":
        raise MissingPackageError(
            f"the environment {found.name} is not set up",
            why="its pinned list has changed" if found.state == "outdated" else "",
            next_step=f"neurofer targets setup {found.name}",
        )
    script = Path(worker) if Path(worker).suffix == ".py" else _WORKERS / f"{worker}.py"
    with tempfile.TemporaryDirectory(prefix=f"neurofer-{found.name}-") as temporary:
        folder = Path(temporary)
        np.savez(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]  # numpy takes names as keywords
        (folder / "plan.json").write_text(json.dumps({"protocol": PROTOCOL, "worker": str(script), "plan": plan}))
        _serve(found, folder, timeout)
        with np.load(folder / "result.npz", allow_pickle=False) as result:
            return dict(result)


def _serve(found: Status, folder: Path, timeout: float) -> None:
    """Run the worker on a folder that holds its plan, until it has left a result there."""
    # isolated: neither the caller's PYTHONPATH nor the folder of the workers can stand in for a package
    command = [str(_python(found.folder)), "-I", str(_WORKERS / "serve.py"), str(folder)]
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        try:
            code = _wait(command, timeout, out, err)
        except subprocess.TimeoutExpired as error:
            raise SimulatorError(
                f"{found.name} gave no answer in {timeout:g} s",
                why=_said(folder),
                next_step="take fewer steps or samples",
            ) from error
    if code < 0:
        raise SimulatorError(f"{found.name} crashed with {signal.Signals(-code).name}", why=_said(folder))
    try:
        answer = json.loads((folder / "answer.json").read_text())
    except (OSError, ValueError) as error:
        raise SimulatorError(f"{found.name} left with exit code {code} and no answer", why=_said(folder)) from error
    if answer.get("protocol") != PROTOCOL:
        raise SimulatorError(
            f"the worker of {found.name} speaks protocol {answer.get('protocol')}, neurofer speaks {PROTOCOL}"
        )
    if "raised" in answer:
        raise SimulatorError(f"{found.name} raised {answer['raised']}", why=answer["words"])


def _said(folder: Path) -> str:
    said = _last((folder / "stderr").read_text(errors="replace"))
    return f"its last words:\n{said}" if said else "it said nothing"
