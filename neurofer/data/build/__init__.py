"""Data sets of events, built from a source into a folder: one recording per member, and a manifest at the end.

    manifest = build(synthetic.source(1000), "faces", jobs=2)

A build that was interrupted in any way, also by a full disk or SIGKILL, goes on where it was when it is started again,
and gives the same bytes as one that was not, whatever the number of jobs.
"""

from __future__ import annotations

from neurofer.data.build.engines import ENGINES, Engine
from neurofer.data.build.manifest import MANIFEST, Failure, Manifest, Recording, read_manifest
from neurofer.data.build.run import Progress, build
from neurofer.data.build.source import Member, Source

__all__ = [
    "ENGINES",
    "MANIFEST",
    "Engine",
    "Failure",
    "Manifest",
    "Member",
    "Progress",
    "Recording",
    "Source",
    "build",
    "read_manifest",
]
