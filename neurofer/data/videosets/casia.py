"""Oulu-CASIA (Zhao et al. 2011): 80 people, six emotions, two cameras, three lights; 25 pictures a second.

VL/Strong/P001/Anger/000.jpeg ...     or NI, Weak, Dark; also VL_Acropped
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from neurofer.data.video import PICTURES
from neurofer.data.videosets.layout import Clip, Found, emotion, files, found, walk
from neurofer.errors import ReadError, UsageError

FPS = 25.0
CAMERAS, LIGHTS = ("VL", "NI"), ("Strong", "Weak", "Dark")

_EXPECTED = "VL/Strong/P001/Anger/*.jpeg"


def find_clips(folder: Path, camera: str = "VL", light: str = "Strong") -> Found:
    """Find the sequences of one camera and light, which go from neutral to the apex; 480 in the whole set.

    Args:
        folder: that holds the set, or any part of it.
        camera: `VL`, visible light, or `NI`, near infrared.
        light: `Strong`, `Weak` or `Dark`.

    Raises:
        UsageError: an unknown camera or light.
        ReadError: no clips, or the same ones in two places.
    """
    if camera not in CAMERAS or light not in LIGHTS:
        raise UsageError(
            f"there is no camera '{camera}' with the light '{light}'",
            next_step=f"choose one of {', '.join(CAMERAS)} and one of {', '.join(LIGHTS)}",
        )
    clips: list[Clip] = []
    left_out: Counter[str] = Counter()
    homes: set[str] = set()
    # Whole paths, so that the folder that is given may be any part of the set.
    for path in walk(folder.resolve()):
        *_, seen_by, lit_by, subject, shown = ("", "", "", "", *path.parts)
        if not re.fullmatch(r"P\d+", subject, re.IGNORECASE) or not files(path, PICTURES):
            continue
        label = emotion(shown)
        if not seen_by.upper().startswith(camera) or lit_by.lower() != light.lower():
            left_out[f"{seen_by}/{lit_by}"] += 1
        elif label is None:
            left_out[shown.lower()] += 1
        else:
            homes.add(str(path.parents[2]))
            name = f"{subject.upper()}-{shown.capitalize()}"
            clips.append(Clip(name, label, subject.upper(), path.relative_to(folder.resolve())))
    if len(homes) > 1:
        raise ReadError(
            f"there are {len(homes)} sets of the camera {camera}",
            where=str(folder),
            why=", ".join(sorted(homes)),
            next_step="give one of them",
        )
    return found(folder, clips, left_out, _EXPECTED.replace("VL", camera).replace("Strong", light))
