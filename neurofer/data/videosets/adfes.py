"""ADFES (van der Schalk et al. 2011): 22 people, nine emotions, three views each; the file's name says all.

F01-Joy-Face Forward.mpeg       also Turn Away, Turn Toward
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from neurofer.data.videosets.layout import VIDEOS, Clip, Found, emotion, files, found, walk
from neurofer.errors import Problem, ReadError

FPS = None

_EXPECTED = "videos named like F01-Joy-Face Forward.mpeg"
_NAME = re.compile(r"(?:.*[-_ ])?(?P<subject>[FM]\d+)[-_ ]+(?P<shown>[A-Za-z]+)(?:[-_ ]+(?P<view>.*))?", re.IGNORECASE)


def find_clips(folder: Path) -> Found:
    """Find the films from the front that show one of the six emotions, from neutral to an apex held for 5 s.

    Raises:
        ReadError: no clips, or the same in two places; all of these are named.
    """
    clips: dict[str, Clip] = {}
    left_out: Counter[str] = Counter()
    problems: list[Problem] = []
    for path in (path for part in walk(folder) for path in files(part, VIDEOS)):
        named = _NAME.fullmatch(path.stem)
        if named is None:
            left_out["another name"] += 1
            continue
        label, view = emotion(named["shown"]), (named["view"] or "face forward").lower().replace("_", " ")
        if not view.startswith(("face forward", "faceforward", "forward")):
            left_out[view] += 1
        elif label is None:
            left_out[named["shown"].lower()] += 1
        else:
            name = f"{named['subject'].upper()}-{named['shown'].capitalize()}"
            if name in clips:
                problems.append(Problem(str(path.relative_to(folder)), f"the same as {clips[name].path}"))
            clips[name] = Clip(name, label, named["subject"].upper(), path.relative_to(folder))
    if problems:
        raise ReadError("films of the same person and emotion", where=str(folder), problems=problems)
    return found(folder, [clips[name] for name in sorted(clips)], left_out, _EXPECTED)
