"""``neurofer doctor``: is everything there that neurofer needs, and if not, what is to be done?"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from neurofer.cli import options
from neurofer.cli.outcome import Outcome, note

if TYPE_CHECKING:
    from rich.console import Console

_SCHEMA = "neurofer.doctor/1"
_ABSENT = 4
_REQUIREMENT = re.compile(r"([\w.-]+)([^;]*)(?:;.*extra == ['\"](\w+)['\"])?")
_EXTRAS = ("", "simulators", "train", "onnx")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what.
        found: what is there; empty if nothing is.
        problem: what is wrong with it; empty if nothing is.
        fix: the command or step that puts it right.
    """

    name: str
    found: str
    problem: str = ""
    fix: str = ""


def doctor(json: options.Json = False) -> Outcome:
    """Check the installation; each problem comes with its fix.

    Python, packages, simulators, folders and data files are checked.
    Exit code: 0 all is well, 4 something is missing or does not work.
    """
    sections = {
        "system": list(_system()),
        "packages": list(packages()),
        "backends": list(_backends()),
        "folders": list(_folders()),
        "files": list(_files()),
    }
    sick = any(finding.problem for findings in sections.values() for finding in findings)
    document = {"schema": _SCHEMA, "ok": not sick, **sections}
    return Outcome(document, lambda console: _render(console, sections), _ABSENT if sick else 0)


def _system() -> Iterator[Finding]:
    import platform

    import neurofer
    from neurofer import resources

    yield Finding("neurofer", neurofer.__version__)
    old = sys.version_info < (3, 11)
    yield Finding(
        "python",
        platform.python_version(),
        "older than 3.11" if old else "",
        "make setup PYTHON=python3.11" if old else "",
    )
    yield Finding("platform", platform.platform())
    yield _compiler()
    yield Finding("cores", str(resources.cores()))


def _compiler() -> Finding:
    """Compile a little, as the target c does."""
    from neurofer.backends.c import build, compiler
    from neurofer.errors import NeuroferError

    try:
        found = compiler.find()
        flags = compiler.flags(found)
        build.check(found, flags)
        threads = "with" if build.openmp(found, flags) else "without"
    except NeuroferError as error:
        return Finding(
            "C compiler", error.where, f"{error.what}: {error.why}" if error.why else error.what, error.next_step
        )
    return Finding("C compiler", f"{found}, {threads} OpenMP")


def packages(requirements: list[str] | None = None, constraints: Path | None = None) -> Iterator[Finding]:
    """Compare what is installed with what neurofer requires, and with the pins of a checkout.

    Args:
        requirements: as the metadata of a distribution lists them; neurofer's own if None.
        constraints: file of exact versions, the checkout's if None; another version is told, and is no problem.
    """
    from importlib.metadata import requires

    pins = _pins(constraints or Path(__file__).resolve().parents[2] / "constraints.txt")
    seen: set[str] = set()
    for requirement in requires("neurofer") or [] if requirements is None else requirements:
        parts = _REQUIREMENT.match(requirement)
        if parts is None or (parts[3] or "") not in _EXTRAS or parts[1].lower() in seen:
            continue
        seen.add(parts[1].lower())
        yield _package(parts[1], parts[2].strip(), parts[3] or "", pins.get(parts[1].lower(), ""))


def _pins(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines() if path.is_file() else []
    return {name.lower(): pin for name, _, pin in (line.partition("==") for line in lines) if pin}


def _package(name: str, bounds: str, extra: str, pin: str) -> Finding:
    from importlib.metadata import PackageNotFoundError, version

    fix = f"pip install 'neurofer[{extra}]'" if extra else f"pip install '{name}{bounds}'"
    try:
        found = version(name)
    except PackageNotFoundError:
        return Finding(name, "", "not installed", fix)
    if not _within(found, bounds):
        return Finding(name, found, f"neurofer needs {bounds}", f"pip install '{name}{bounds}'")
    differs = pin and found.partition("+")[0] != pin
    return Finding(name, f"{found} (tested with {pin})" if differs else found)


def _within(found: str, bounds: str) -> bool:
    """Whether a version satisfies bounds such as ``<2,>=1.0.8``, all that neurofer's metadata uses."""
    compare: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
        ">=": lambda a, b: a >= b,
        "<": lambda a, b: a < b,
    }
    return all(compare[sign](_release(found), _release(bound)) for sign, bound in re.findall(r"(>=|<)([\d.]+)", bounds))


def _release(version: str) -> tuple[int, ...]:
    digits = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in digits[0].split(".")) + (0,) * 4 if digits else ()


def _backends() -> Iterator[Finding]:
    from neurofer.backends import environments
    from neurofer.backends.targets import capabilities, installed, targets
    from neurofer.errors import NeuroferError

    for target in targets():
        if target.board is not None:
            absent = [tool for tool, path in installed(target).items() if path is None]
            yield Finding(
                target.name, f"no {' and '.join(absent)}; to install: {target.install}" if absent else "ready"
            )
            continue
        if target.environment:
            state = environments.status(target.environment).state
            yield Finding(target.name, state if state == "ready" else f"{state}; to set it up: {target.install}")
            continue
        note(f"importing {target.backend} ...")
        try:
            found = capabilities(target)
            for package in target.packages:  # they are named as the modules they hold
                import_module(package)
        except NeuroferError as error:
            yield Finding(target.name, "", error.why or error.what, error.next_step)
        except Exception as error:  # noqa: BLE001 - a package that breaks while it is imported is what we look for
            why = f"importing it raised {type(error).__name__}: {error}"
            yield Finding(target.name, "", why, f"{target.install} --force-reinstall")
        else:
            yield Finding(target.name, ", ".join(importer for importer in found if importer) or "ready")


def _folders() -> Iterator[Finding]:
    import os
    import tempfile

    from neurofer import resources

    variable = "NEUROFER_CACHE" if os.environ.get("NEUROFER_CACHE") else "XDG_CACHE_HOME"
    places = {"cache": (resources.cache(""), variable), "temporary": (Path(tempfile.gettempdir()), "TMPDIR")}
    for name, (path, variable) in places.items():
        there = next((place for place in (path, *path.parents) if place.exists()), path)
        try:
            with tempfile.TemporaryFile(dir=there):
                pass
            yield Finding(name, str(path))
        except OSError as error:
            why = f"cannot be written: {error.strerror or error}"
            yield Finding(name, str(path), why, f"set {variable} to a folder that can")


def _files() -> Iterator[Finding]:
    from neurofer.backends.targets import load_target, target_names
    from neurofer.energy import profile_names, read_profile
    from neurofer.errors import NeuroferError
    from neurofer.train.recipe import load_recipe, recipe_names

    kinds: dict[str, tuple[Callable[[], tuple[str, ...]], Callable[[str], object]]] = {
        "targets": (target_names, load_target),
        "profiles": (profile_names, read_profile),
        "recipes": (recipe_names, load_recipe),
    }
    for kind, (names, load) in kinds.items():
        try:
            found = names()
            for name in found:
                load(name)
        except NeuroferError as error:
            yield Finding(kind, "", str(error).splitlines()[0], error.next_step or "install neurofer again")
        else:
            yield Finding(kind, ", ".join(found))


def _render(console: Console, sections: dict[str, list[Finding]]) -> None:
    from rich.table import Table

    problems = [finding for findings in sections.values() for finding in findings if finding.problem]
    for title, findings in sections.items():
        table = Table(box=None, pad_edge=False, show_header=False)
        for finding in findings:
            table.add_row("  " + finding.name, finding.found or "-", finding.problem)
        console.print(title)
        console.print(table)
    for finding in problems:
        console.print(f"{finding.name}: {finding.problem}\n  next: {finding.fix}")
    if not problems:
        console.print("all is well; next: neurofer demo")
