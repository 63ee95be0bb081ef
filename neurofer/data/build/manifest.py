"""`manifest.json`: what a built folder holds, from which source, by which parameters and versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import msgspec

import neurofer
from neurofer.data.build.source import NAME, Source
from neurofer.errors import Problem, ReadError
from neurofer.files import replace_file

SCHEMA = "neurofer.dataset/1"
MANIFEST, PLAN, RECORDINGS = "manifest.json", "unfinished.json", "recordings"
"""The plan lies in the folder while it is being built; the manifest takes its place."""


Content = TypeVar("Content", "Plan", "Manifest")


class Planned(msgspec.Struct, frozen=True):
    """A member that is to be made, see `neurofer.data.build.source.Member`; its class by name."""

    id: str
    label: str
    subject: str
    origin: str


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Which source a data set is built from, and how, see `neurofer.data.build.source.Source`."""

    schema: str
    source: str
    parameters: dict[str, Any]
    versions: dict[str, str]
    classes: tuple[str, ...]
    size: tuple[int, int]
    left_out: dict[str, int]

    def shared(self) -> dict[str, Any]:
        """What a plan and its manifest both say, by name."""
        return {name: getattr(self, name) for name in Origin.__struct_fields__}


class Plan(Origin, frozen=True, kw_only=True):
    """All that decides the bytes of a data set."""

    members: tuple[Planned, ...]


class Recording(msgspec.Struct, frozen=True):
    """One recording that was made.

    Attributes:
        id: of the member.
        file: path within the folder.
        sha256: of the file, in hexadecimal.
        label: a place in ``classes``.
        subject: who is seen.
        origin: what it was made from.
        events: how many there are.
        first_us: time of the first event in microseconds; None without events.
        last_us: of the last.
    """

    id: str
    file: str
    sha256: str
    label: int
    subject: str
    origin: str
    events: int
    first_us: int | None
    last_us: int | None


class Failure(msgspec.Struct, frozen=True):
    """A member that could not be made and was left out, and why."""

    id: str
    label: int
    subject: str
    origin: str
    why: str


class Manifest(Origin, frozen=True, kw_only=True):
    """What a built folder holds."""

    recordings: tuple[Recording, ...]
    failures: tuple[Failure, ...]


def make_plan(source: Source) -> Plan:
    """The plan of a source, with the versions that are installed here."""
    versions = {name: metadata.version(name) for name in sorted({"numpy", *source.packages})}
    return Plan(
        schema=SCHEMA,
        source=source.name,
        parameters=msgspec.json.decode(msgspec.json.encode(dict(source.parameters), order="sorted")),
        versions={"neurofer": neurofer.__version__, **versions},
        classes=source.classes,
        size=source.size,
        left_out=dict(source.left_out),
        members=tuple(
            Planned(member.id, source.classes[member.label], member.subject, member.origin) for member in source.members
        ),
    )


def plan_of(manifest: Manifest) -> Plan:
    """The plan that a finished folder was built by; the order of its members may be another."""
    members: tuple[Recording | Failure, ...] = (*manifest.recordings, *manifest.failures)
    return Plan(
        **manifest.shared(),
        members=tuple(Planned(one.id, manifest.classes[one.label], one.subject, one.origin) for one in members),
    )


def differences(old: Plan, new: Plan) -> list[Problem]:
    """What a folder was begun with and is now asked for differently, one problem for each thing."""
    problems = []
    for name in ("schema", "source", "classes", "size"):
        before, now = getattr(old, name), getattr(new, name)
        if before != now:
            problems.append(Problem(name, f"{_shown(before)} in the folder, {_shown(now)} now"))
    for name in ("parameters", "versions", "left_out"):
        before, now = (dict(_flat(getattr(plan, name))) for plan in (old, new))
        problems += [
            Problem(f"{name}.{key}", f"{_shown(before.get(key))} in the folder, {_shown(now.get(key))} now")
            for key in sorted({*before, *now})
            if before.get(key) != now.get(key)
        ]
    return problems + _member_differences(old, new)


def _member_differences(old: Plan, new: Plan) -> list[Problem]:
    before, now = ({member.id: member for member in plan.members} for plan in (old, new))
    problems = []
    for ids, words in (
        ([name for name in now if name not in before], "not in the folder"),
        ([name for name in before if name not in now], "in the folder only"),
        ([name for name in now if name in before and now[name] != before[name]], "with another label, subject, origin"),
    ):
        if ids:
            some = f"{', '.join(ids[:3])}{', ...' if len(ids) > 3 else ''}"
            problems.append(Problem("members", f"{len(ids)} {words} ({some})"))
    return problems


def read_manifest(folder: str | Path) -> Manifest:
    """What a built folder says it holds.

    Raises:
        ReadError: the folder is missing, not finished or none of these, or its manifest is damaged.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).exists():
        begun = (folder / PLAN).exists()
        raise ReadError(
            "this data set is not finished" if begun else f"this is no folder with a {MANIFEST}",
            where=str(folder),
            next_step="build it again with the same options, it goes on where it was" if begun else "",
        )
    manifest = decode(folder / MANIFEST, Manifest)
    problems = []
    for one in manifest.recordings:
        if not 0 <= one.label < len(manifest.classes):
            problems.append(Problem(one.id, f"label {one.label}, and there are {len(manifest.classes)} classes"))
        if not NAME.fullmatch(one.id) or one.file != f"{RECORDINGS}/{one.id}.npz":
            problems.append(Problem(one.id, f"file {one.file}, expected {RECORDINGS}/ID.npz"))
    if min(manifest.size) < 1:
        problems.append(Problem("size", f"a sensor of {manifest.size[0]} x {manifest.size[1]} pixels"))
    if problems:
        raise ReadError(
            "this manifest contradicts itself",
            where=str(folder / MANIFEST),
            problems=problems,
            next_step="build it anew",
        )
    return manifest


def decode(path: Path, kind: type[Content]) -> Content:
    """Read one of the two JSON files.

    Raises:
        ReadError: damaged, or of another schema.
    """
    try:
        content = path.read_bytes()
        schema = msgspec.json.decode(content, type=dict[str, Any]).get("schema")
        if schema == SCHEMA:
            return msgspec.json.decode(content, type=kind)
        why = f"its schema is {schema}, this version reads {SCHEMA}"
    except (OSError, msgspec.MsgspecError) as error:
        why = str(error)
    raise ReadError("this describes no data set", where=str(path), why=why, next_step="build it anew")


def write(path: Path, content: Plan | Manifest) -> None:
    """Write one of the two JSON files in one step.

    Raises:
        WriteError: the folder is read-only or full.
    """
    text = msgspec.json.format(msgspec.json.encode(content), indent=1)
    replace_file(path, lambda draft: Path(draft).write_bytes(text + b"\n"))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _shown(value: Any) -> str:
    return "nothing" if value is None else msgspec.json.encode(value).decode()
