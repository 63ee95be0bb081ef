"""Energy profiles: what one operation costs on a process, read from ``targets/profiles/*.toml``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from neurofer import resources
from neurofer.errors import ReadError, UsageError

Text = Annotated[str, msgspec.Meta(min_length=1)]
Picojoule = Annotated[float, msgspec.Meta(gt=0)]


class Constant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The energy of one operation, and where the number comes from.

    Attributes:
        value: energy of one operation in ``unit``.
        unit: always ``pJ``.
        source: publication and, for a derived value, how it was derived.
        precision: number format of the operands.
        scope: what the value covers, and what it leaves out.
        basis: whether it was measured on silicon, simulated, or declared by its authors without either.
    """

    value: Picojoule
    unit: Literal["pJ"]
    source: Text
    precision: Text
    scope: Text
    basis: Literal["measured", "simulated", "declared"]


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The energy constants of one process and number format.

    Attributes:
        name: the file's name without ``.toml``.
        description: one line.
        process: technology node and supply voltage.
        mac: one multiply-accumulation, what a real input costs per weight.
        ac: one accumulation, what a spike costs per weight.
        parts: operations that ``mac`` and ``ac`` are made of, for the record.
    """

    name: Text
    description: Text
    process: Text
    mac: Constant
    ac: Constant
    parts: dict[str, Constant] = {}


def profile_names() -> tuple[str, ...]:
    """Names of the profiles there are, sorted."""
    return tuple(sorted(path.stem for path in (resources.folder("targets") / "profiles").glob("*.toml")))


def read_profile(name: str = "cmos45") -> Profile:
    """Read the profile called ``name``.

    Raises:
        UsageError: there is no such profile; the message names those there are.
        ReadError: its file is damaged.
    """
    known = profile_names()
    if name not in known:
        raise UsageError(f"unknown energy profile {name!r}", next_step=f"use one of {', '.join(known)}")
    return load_profile(resources.folder("targets") / "profiles" / f"{name}.toml")


def load_profile(path: Path) -> Profile:
    """Read the profile in the file ``path``.

    Raises:
        ReadError: the file is no profile, or names itself differently.
    """
    try:
        profile = msgspec.toml.decode(path.read_bytes(), type=Profile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReadError("this is no energy profile", where=str(path), why=str(error)) from error
    if profile.name != path.stem:
        raise ReadError(
            "the profile's name is not the file's", where=str(path), why=f"it calls itself {profile.name!r}"
        )
    return profile
