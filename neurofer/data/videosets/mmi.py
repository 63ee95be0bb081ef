"""MMI (Pantic et al. 2005): sessions of one video each, with what is seen in it as XML.

Sessions/1/S001-001.avi
Sessions/1/session.xml               <track view="0">: 0 from the front, 1 from the side, 2 both
Sessions/1/S001-001.xml              <Metatag Name="Emotion" Value="4">: 1 anger, ... 6 surprise, or a word
Sessions/1/S001-001-oao_aucs.xml     <ActionUnit><Marker Frame="31" Type="2">: an apex begins at frame 31 from 1
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from neurofer.data.videosets.layout import VIDEOS, Clip, Found, emotion, files, found, locate, subfolders
from neurofer.errors import Problem, ReadError

FPS = None

_EXPECTED = "Sessions/NUMBER/S001-001.avi beside XML with <Metatag Name='Emotion'>"
_CODES = ("anger", "disgust", "fear", "happy", "sadness", "surprise")
_VIEWS = {"1": "seen from the side", "2": "two views in one picture"}
_APEX = "2"


def find_clips(folder: Path) -> Found:
    """Find the sessions from the front that show one of the six emotions.

    Faces return to neutral in these films: where apexes are coded, a clip stops when the last of them is reached, else
    it is whole.

    Raises:
        ReadError: no clips, or XML that is damaged; all of it is named.
    """
    clips: list[Clip] = []
    left_out: Counter[str] = Counter()
    problems: list[Problem] = []
    for session in sorted(subfolders(locate(folder, "Sessions") or folder), key=lambda path: (len(path.name), path)):
        try:
            clip = _read(session, folder)
        except (ET.ParseError, OSError, ValueError) as error:
            problems.append(Problem(str(session.relative_to(folder)), f"XML that cannot be read: {error}"))
            continue
        if isinstance(clip, str):
            left_out[clip] += 1
        else:
            clips.append(clip)
    if problems:
        raise ReadError("sessions that are damaged", where=str(folder), problems=problems)
    return found(folder, clips, left_out, _EXPECTED)


def _read(session: Path, folder: Path) -> Clip | str:
    """The clip of a session, or why it is left out."""
    videos = files(session, VIDEOS)
    if len(videos) != 1:
        return "no video" if not videos else "several videos"
    elements = [element for path in files(session, frozenset({".xml"})) for element in _parsed(path).iter()]
    view = next(iter(_attributes(elements, "track", "view")), "0")
    if view != "0":
        return _VIEWS.get(view, f"view {view}")
    told = [value for name, value in _metatags(elements) if name == "emotion"]
    if not told:
        return "no emotion label"
    label = _CODES[int(told[0]) - 1] if told[0] in tuple("123456") else emotion(told[0])
    if label is None:
        return f"emotion {told[0]}"
    named = re.match(r"S\d+", videos[0].stem, re.IGNORECASE)
    subject = named[0].upper() if named else next(iter(_attributes(elements, "subject", "id")), "")
    if not subject:
        return "no subject"
    return Clip(videos[0].stem, label, subject, videos[0].relative_to(folder), _apex(elements))


def _parsed(path: Path) -> ET.ElementTree[ET.Element]:
    return ET.parse(path)  # noqa: S314 - expat itself limits what entities expand to, and opens no other file


def _apex(elements: list[ET.Element]) -> int | None:
    """How many frames there are until all action units that have an apex have reached it."""
    reached = []
    for unit in elements:
        if unit.tag.lower() == "actionunit":
            frames = [int(marker.get("Frame", "0")) for marker in unit.iter("Marker") if marker.get("Type") == _APEX]
            reached += [min(frames)] if frames else []
    return max(reached) if reached and max(reached) > 1 else None


def _attributes(elements: list[ET.Element], tag: str, name: str) -> Iterator[str]:
    for element in elements:
        if element.tag.lower() == tag:
            yield from (value for key, value in element.attrib.items() if key.lower() == name)


def _metatags(elements: list[ET.Element]) -> Iterator[tuple[str, str]]:
    for element in elements:
        if element.tag.lower() == "metatag":
            told = {key.lower(): value.strip() for key, value in element.attrib.items()}
            yield told.get("name", "").lower(), told.get("value", "")
