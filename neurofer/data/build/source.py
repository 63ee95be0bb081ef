"""What a data set is built from: a list of members, and a function that makes the events of one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from neurofer.errors import Problem, UsageError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
"""An id: it can name a file on any system, and no other folder."""


@dataclass(frozen=True)
class Member:
    """One recording that is to be made.

    Attributes:
        id: names its file; letters, digits and ``.``, ``_``, ``+``, ``-``.
        label: its class, a place in the source's ``classes``.
        subject: who is seen; folds keep a subject together.
        origin: what it is made from: a path within the source, or a number.
    """

    id: str
    label: int
    subject: str
    origin: str = ""


@dataclass(frozen=True)
class Source:
    """A set of recordings that can be made.

    Attributes:
        name: of the source.
        classes: names of the labels.
        size: width and height of the sensor.
        members: in the order of the data set.
        make: gives a member's events, of `neurofer.data.events.DTYPE` and in the order of time: always the same for
            the same member and parameters, in any process. It is sent to other processes: a function of a module, or
            `functools.partial` of one.
        parameters: all that the events depend on besides the member, as JSON knows it.
        packages: installed packages whose version the events may depend on; numpy always counts.
        left_out: how many recordings the source has that are no members, by reason.
    """

    name: str
    classes: tuple[str, ...]
    size: tuple[int, int]
    members: tuple[Member, ...]
    make: Callable[[Member], NDArray[Any]]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


def check(source: Source) -> None:
    """Refuse a source of which no data set can be built.

    Raises:
        UsageError: no members, ids that are no file names or not unique, labels without a class; all are named.
    """
    # Upper and lower case name the same file on some systems.
    often = Counter(member.id.lower() for member in source.members)
    problems = []
    for member in source.members:
        if not NAME.fullmatch(member.id):
            problems.append(Problem(member.id, "this id is no plain file name"))
        if often[member.id.lower()] > 1:
            problems.append(Problem(member.id, "another member has this id, or the same in other letters"))
        if not 0 <= member.label < len(source.classes):
            problems.append(Problem(member.id, f"label {member.label}, and there are {len(source.classes)} classes"))
    if not source.members:
        problems.append(Problem(source.name, "it has no members"))
    if problems:
        raise UsageError("no data set can be built from this source", where=source.name, problems=problems)
