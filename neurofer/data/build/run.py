"""Building: what lies there whole is kept, what is missing is made, and the manifest is written at the end."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from neurofer.data.build import engines
from neurofer.data.build.engines import Engine
from neurofer.data.build.lock import locked
from neurofer.data.build.manifest import (
    MANIFEST,
    PLAN,
    RECORDINGS,
    Failure,
    Manifest,
    Plan,
    Recording,
    decode,
    differences,
    make_plan,
    plan_of,
    write,
)
from neurofer.data.build.recording import realise
from neurofer.data.build.source import Source, check
from neurofer.errors import MissingPackageError, NeuroferError, Problem, UsageError, WriteError
from neurofer.files import cannot_write

_FATAL = (WriteError, MissingPackageError)
"""What keeps every member from being made, and not one of them."""


@dataclass(frozen=True)
class Progress:
    """How far a build is: members done, of how many, how many of them were there before, and events of all done."""

    done: int
    of: int
    kept: int
    events: int


def build(
    source: Source,
    folder: str | Path,
    *,
    jobs: int | None = None,
    engine: Engine = "processes",
    leave_out: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Manifest:
    """Build a data set, or go on with it; a finished one is checked, and what is damaged in it made again.

    Args:
        source: see there.
        folder: where to; made if need be. It holds nothing else.
        jobs: how many members are made at once; the number of cores if not given.
        engine: `processes` or `ray`.
        leave_out: finish without the members that cannot be made; the manifest names them.
        progress: called after each member.

    Returns:
        What was written to `manifest.json`, at the very end.

    Raises:
        UsageError: the folder was begun with other parameters (what differs is named), holds something else or is
            being built; or members cannot be made (all are named, the others are kept).
        WriteError: the folder cannot be written to or is full.
        MissingPackageError: a package that the source or engine needs is not installed.
    """
    check(source)
    engines.check(engine, jobs)
    folder, plan = Path(folder), make_plan(source)
    _make_folder(folder)
    with locked(folder):
        _claim(folder, plan)
        _make_folder(folder / RECORDINGS)
        _sweep(folder)
        recordings, failures = _make(source, folder, jobs, engine, progress)
        if failures and not (leave_out and recordings):
            raise UsageError(
                f"{len(failures)} of {len(source.members)} members cannot be made; the others are kept",
                where=str(folder),
                problems=[Problem(failure.id, failure.why) for failure in failures],
                next_step="mend them and build again, or leave them out",
            )
        manifest = Manifest(**plan.shared(), recordings=tuple(recordings), failures=tuple(failures))
        write(folder / MANIFEST, manifest)
        _sweep(folder)
        (folder / PLAN).unlink(missing_ok=True)
    return manifest


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def _claim(folder: Path, plan: Plan) -> None:
    """Make sure that what lies in the folder is of this plan, and leave the plan there."""
    strange = sorted(path.name for path in folder.glob("[!.]*") if path.name not in {MANIFEST, PLAN, RECORDINGS})
    begun = (folder / PLAN).exists()
    if not begun and not (folder / MANIFEST).exists():
        if strange or any((folder / RECORDINGS).glob("[!.]*")):
            raise UsageError(
                "this folder holds something else",
                where=str(folder),
                why=f"such as {strange[0]}" if strange else "recordings without a manifest",
                next_step="choose a new or an empty folder",
            )
        write(folder / PLAN, plan)
        return
    old = decode(folder / PLAN, Plan) if begun else plan_of(decode(folder / MANIFEST, Manifest))
    if found := differences(old, plan):
        raise UsageError(
            "this folder was built differently" if not begun else "a build of something else was begun in this folder",
            where=str(folder),
            problems=found,
            next_step="build with the same options as before, choose another folder, or remove this one",
        )


def _sweep(folder: Path) -> None:
    """Remove the drafts of files that a killed build was writing."""
    for pattern in (f".{MANIFEST}.*", f".{PLAN}.*", f"{RECORDINGS}/.*.npz.*"):
        for draft in folder.glob(pattern):
            draft.unlink(missing_ok=True)


def _make(
    source: Source,
    folder: Path,
    jobs: int | None,
    engine: Engine,
    progress: Callable[[Progress], None] | None,
) -> tuple[list[Recording], list[Failure]]:
    task = functools.partial(realise, source.make, folder.absolute(), source.size)
    made: dict[int, Recording] = {}
    failed: dict[int, Failure] = {}
    kept = events = 0
    for place, outcome in engines.run_tasks(task, source.members, jobs=jobs, engine=engine):
        member = source.members[place]
        if isinstance(outcome, _FATAL):
            raise outcome
        if isinstance(outcome, NeuroferError):
            failed[place] = Failure(member.id, member.label, member.subject, member.origin, outcome.in_one_line())
        else:
            made[place], was_there = outcome
            kept += was_there
            events += made[place].events
        if progress is not None:
            progress(Progress(len(made) + len(failed), len(source.members), kept, events))
    return [made[place] for place in sorted(made)], [failed[place] for place in sorted(failed)]
