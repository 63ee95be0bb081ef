"""A folder of filmed faces as a source of recordings."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from neurofer.data import dvs
from neurofer.data.build import Member, Source
from neurofer.data.faces import named_provider
from neurofer.data.videosets.convert import Showing, origin, show
from neurofer.data.videosets.layout import EMOTIONS, Found
from neurofer.errors import ReadError, UsageError

LAYOUTS = MappingProxyType({"ckplus": "CK+", "mmi": "MMI", "adfes": "ADFES", "casia": "Oulu-CASIA"})
"""Each is a module here, with a function `find_clips` and the frame rate `FPS`, None where files tell it."""

_AS_PUBLISHED = Showing()
_SUFFIX = "-weights_manifest.json"


def find(layout: str, folder: str | Path, **options: str) -> Found:
    """Find the clips of a set.

    Args:
        layout: of `LAYOUTS`.
        folder: that holds it.
        options: of the layout: `camera` and `light` of `casia`.

    Raises:
        UsageError: an unknown layout, or an option that it has not.
        ReadError: the folder is missing, or does not hold the set; what was expected and what was found.
    """
    if layout not in LAYOUTS:
        raise UsageError(f"there is no layout '{layout}'", next_step=f"choose one of {', '.join(LAYOUTS)}")
    folder = Path(folder)
    if not folder.is_dir():
        raise ReadError("there is no such folder", where=str(folder), next_step="check the path")
    find_clips = _module(layout).find_clips
    if unknown := sorted(set(options) - set(inspect.signature(find_clips).parameters)):
        raise UsageError(f"{LAYOUTS[layout]} has no {' and no '.join(unknown)}", next_step="leave it out")
    try:
        found: Found = find_clips(folder, **options)
    except OSError as error:
        raise ReadError("the folder cannot be read", where=str(error.filename), why=error.strerror or "") from error
    return found


def source(layout: str, folder: str | Path, showing: Showing = _AS_PUBLISHED, **options: str) -> Source:
    """A set of films as a source: those of the six emotions, from the front, each as events.

    Neutral, contempt, embarrassment and pride are left out as in the paper, and counted.

    Args:
        layout: of `LAYOUTS`.
        folder: that holds the set.
        showing: how films are shown to a DVS.
        options: of the layout, see `find`.

    Raises:
        UsageError: an unknown layout, option, preset or provider.
        ReadError: the folder does not hold the set, or the weights cannot be read.
        MissingPackageError: OpenCV or the provider's package is not installed.
    """
    found, folder = find(layout, folder, **options), Path(folder).absolute()
    if showing.provider is not None:
        named_provider(showing.provider, showing.weights)  # what is missing is told before anything is built
    showing = dataclasses.replace(
        showing,
        params=dvs.preset(showing.params) if isinstance(showing.params, str) else showing.params,
        fps=_module(layout).FPS if showing.fps is None else float(showing.fps),  # 25 and 25.0 are written alike
        seconds=None if showing.seconds is None else float(showing.seconds),
        weights=None if showing.weights is None else str(Path(showing.weights).absolute()),
    )
    parameters: dict[str, Any] = {**options, **dataclasses.asdict(showing)}
    if showing.weights is not None:
        parameters["weights"] = _digest(Path(showing.weights))
    libraries = ("cv2", "dlib") if showing.provider == "dlib" else ("cv2",)
    parameters["libraries"] = {name: import_module(name).__version__ for name in libraries}
    return Source(
        name=layout,
        classes=EMOTIONS,
        size=(showing.size, showing.size),
        members=tuple(
            Member(clip.id, EMOTIONS.index(clip.emotion), clip.subject, origin(clip)) for clip in found.clips
        ),
        make=functools.partial(show, folder, showing),
        parameters=parameters,
        packages=("numba",),
        left_out=found.left_out,
    )


def _digest(weights: Path) -> str:
    """SHA-256 of a file of weights, or of a manifest of them with the shards beside it."""
    shards = weights.parent.glob(f"{weights.name.removesuffix(_SUFFIX)}-shard*")
    digest = hashlib.sha256(weights.read_bytes())
    for shard in sorted(shards) if weights.name.endswith(_SUFFIX) else ():
        digest.update(shard.read_bytes())
    return digest.hexdigest()


def _module(layout: str) -> Any:
    return import_module(f"neurofer.data.videosets.{layout}")
