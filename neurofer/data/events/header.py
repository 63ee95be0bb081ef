"""The text lines, each starting with a percent sign, that Prophesee's files and some text files start with."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(rb"%[ \t]?([\x20-\x7e\t]{0,1000})\r?\n")


@dataclass(frozen=True)
class Header:
    """What the lines say, and where the body starts."""

    lines: tuple[str, ...]
    end: int

    @property
    def evt(self) -> str:
        """Version of the EVT format, such as ``3.0``; empty if it is none."""
        for line in self.lines:
            if found := re.match(r"evt (\d+\.\d+)$|format EVT([\d.]+)", line):
                return found[1] or (found[2] if "." in found[2] else f"{found[2][0]}.{found[2][1:] or 0}")
        return ""

    @property
    def endianness(self) -> str:
        """The order of the bytes, ``little``, ``big`` or ``legacy``; empty if the lines do not say."""
        found = re.search(r"\bendianness[ =:]+(little|big|legacy)\b", "\n".join(self.lines))
        return found[1] if found else ""

    @property
    def start(self) -> int:
        """Microseconds to add to every time, as faery writes them."""
        for line in self.lines:
            if found := re.match(r"t0 (\d{1,18})$", line, re.IGNORECASE):
                return int(found[1])
        return 0

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the sensor, if the lines say."""
        text = "\n".join(self.lines)
        for width, height in (
            (r"\bwidth[ =:]+(\d{1,5})\b", r"\bheight[ =:]+(\d{1,5})\b"),
            (r"geometry[ =:]+(\d{1,5})[x,]\d", r"geometry[ =:]+\d{1,5}[x,](\d{1,5})\b"),
        ):
            found = [re.search(pattern, text, re.IGNORECASE) for pattern in (width, height)]
            if found[0] and found[1]:
                size = int(found[0][1]), int(found[1][1])
                return size if min(size) > 0 else None
        return None


def read_header(head: bytes) -> Header:
    """Read the lines at the start of a file."""
    lines, end = [], 0
    while found := _LINE.match(head, end):
        end = found.end()
        lines.append(found[1].decode("ascii").strip())
        if lines[-1] == "end":
            break
    return Header(tuple(lines), end)
