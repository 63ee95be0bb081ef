"""The seven augmentations of Spiking-FER (table 1) on events, before they become frames.

Each is a callable from the structured array (x, y, t, p) to a new one, so that tonic's Compose and datasets take it:
the order of time is kept, the input is never written to, no events stay no events. Sizes are tonic's (W, H, 2). The
probabilities are those of the authors' code. A generator that is shared makes a whole pipeline repeatable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurofer.errors import Problem, UsageError

Events = NDArray[Any]
Size = tuple[int, int, int]

COMMON = ("hflip", "noise", "reverse", "polflip", "crop")
SPECIFIC = ("eventdrop", "mirror")


@dataclass(frozen=True)
class _Random:
    """What all have: a source of draws."""

    rng: np.random.Generator = field(default_factory=np.random.default_rng, kw_only=True)

    def _happens(self, p: float) -> bool:
        return bool(self.rng.random() < p)


@dataclass(frozen=True)
class HFlip(_Random):
    """Flip the whole recording from left to right."""

    sensor_size: Size
    p: float = 0.5

    def __call__(self, events: Events) -> Events:
        return hflip(events, self.sensor_size[0]) if self._happens(self.p) else events


@dataclass(frozen=True)
class PolFlip(_Random):
    """Turn every ON event of a recording into an OFF event and the reverse."""

    p: float = 0.2

    def __call__(self, events: Events) -> Events:
        if not self._happens(self.p):
            return events
        flipped = events.copy()
        p = events["p"]
        signed = p.dtype.kind != "b" and bool((p < 0).any())
        flipped["p"] = -p if signed else ~p if p.dtype.kind == "b" else 1 - p
        return flipped


@dataclass(frozen=True)
class Reverse(_Random):
    """Play the recording backwards within its own time span.

    Args:
        flip_polarities: as well, which is what a sensor would see of a film run backwards; the paper reverses the
            order only.
    """

    p: float = 0.2
    flip_polarities: bool = False

    def __call__(self, events: Events) -> Events:
        if not len(events) or not self._happens(self.p):
            return events
        t = events["t"]
        reversed_ = events[::-1].copy()
        reversed_["t"] = (t.min() + t.max() - t)[::-1]
        return PolFlip(1.0)(reversed_) if self.flip_polarities else reversed_


@dataclass(frozen=True)
class Noise(_Random):
    """Add background activity: events of chance polarity anywhere, at a rate per pixel.

    Args:
        rate_hz: noise events per second and pixel, Poisson over the recording's own time span.
        share: in place of a rate, so many noise events per event; the authors' code adds 0.2.
    """

    sensor_size: Size
    rate_hz: float = 1.0
    share: float | None = None
    p: float = 0.5

    def __call__(self, events: Events) -> Events:
        if not len(events) or not self._happens(self.p):
            return events
        width, height, _ = self.sensor_size
        start, end = int(events["t"].min()), int(events["t"].max())
        if self.share is None:
            count = int(self.rng.poisson(self.rate_hz * width * height * (end - start) * 1e-6))
        else:
            count = int(self.share * len(events))
        noise = np.empty(count, events.dtype)
        noise["x"] = self.rng.integers(width, size=count)
        noise["y"] = self.rng.integers(height, size=count)
        noise["t"] = self.rng.integers(start, end + 1, size=count)
        on = self.rng.random(count) < 0.5
        off = -1 if events["p"].dtype.kind in "if" and bool((events["p"] < 0).any()) else 0
        noise["p"] = np.where(on, 1, off)
        both = np.concatenate([events, noise])
        return both[np.argsort(both["t"], kind="stable")]


@dataclass(frozen=True)
class Crop(_Random):
    """Cut out a random box and stretch it to the whole sensor, or to another size.

    Args:
        scale: bounds of the box's share of the sensor's area.
        ratio: bounds of its width over its height, drawn on a logarithmic scale as torchvision does.
        to: (W, H) afterwards; the sensor's own if not given.
        resample: `nearest` repeats an event for each new pixel that takes its value from the event's, which is what
            the authors' nearest-neighbour resizing of frames does; `move` moves each event once and leaves gaps.
        p: the probability that anything is cut; without a cut `to` still holds.
    """

    sensor_size: Size
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    to: tuple[int, int] | None = None
    resample: Literal["nearest", "move"] = "nearest"
    p: float = 1.0

    def __call__(self, events: Events) -> Events:
        width, height, _ = self.sensor_size
        box = self.draw() if self._happens(self.p) else (0, 0, width, height)
        return crop(events, box, self.to or (width, height), resample=self.resample)

    def draw(self) -> tuple[int, int, int, int]:
        """A random box: left, top, width, height; the largest of an allowed ratio if ten draws do not fit."""
        width, height, _ = self.sensor_size
        low, high = np.log(self.ratio)
        for _ in range(10):
            area, ratio = self.rng.uniform(*self.scale) * width * height, np.exp(self.rng.uniform(low, high))
            w, h = round(float(np.sqrt(area * ratio))), round(float(np.sqrt(area / ratio)))
            if 0 < w <= width and 0 < h <= height:
                return int(self.rng.integers(width - w + 1)), int(self.rng.integers(height - h + 1)), w, h
        ratio = float(np.clip(width / height, *self.ratio))
        w, h = min(width, round(height * ratio)), min(height, round(width / ratio))
        return (width - w) // 2, (height - h) // 2, w, h


@dataclass(frozen=True)
class Mirror(_Random):
    """Put the mirror image of one half in the place of the other half.

    Args:
        side: which half stays; drawn if not given.
    """

    sensor_size: Size
    p: float = 0.5
    side: Literal["left", "right"] | None = None

    def __call__(self, events: Events) -> Events:
        if not self._happens(self.p):
            return events
        side = self.side or ("left" if self._happens(0.5) else "right")
        last = self.sensor_size[0] - 1
        x = events["x"].astype(np.int64)
        twice = 2 * x - last  # negative left of the middle, positive right of it
        kept = twice <= 0 if side == "left" else twice >= 0
        copies = np.where(twice == 0, 1, 2)[kept]
        mirrored = np.repeat(events[kept], copies)
        second = np.cumsum(copies)[copies == 2] - 1
        mirrored["x"][second] = last - mirrored["x"][second].astype(np.int64)
        return mirrored


@dataclass(frozen=True)
class DropTime(_Random):
    """Drop what falls into a random part of the recording's time span, of the given share."""

    ratio: float

    def __call__(self, events: Events) -> Events:
        if not len(events):
            return events
        t = events["t"]
        start, span = t.min(), float(t.max() - t.min())
        since = (t - start) - self.rng.random() * (1 - self.ratio) * span
        outside: NDArray[np.bool_] = (since < 0) | (since >= self.ratio * span)
        return events[outside]


@dataclass(frozen=True)
class DropArea(_Random):
    """Drop what falls into a random box whose sides are the given share of the sensor's."""

    sensor_size: Size
    ratio: float

    def __call__(self, events: Events) -> Events:
        width, height, _ = self.sensor_size
        w, h = round(width * self.ratio), round(height * self.ratio)
        left, top = int(self.rng.integers(width - w + 1)), int(self.rng.integers(height - h + 1))
        x, y = events["x"], events["y"]
        outside: NDArray[np.bool_] = (x < left) | (x >= left + w) | (y < top) | (y >= top + h)
        return events[outside]


@dataclass(frozen=True)
class DropEvents(_Random):
    """Drop the given share of the events, whichever they are."""

    ratio: float

    def __call__(self, events: Events) -> Events:
        kept = len(events) - round(len(events) * self.ratio)
        return events[np.sort(self.rng.choice(len(events), kept, replace=False, shuffle=False))]


@dataclass(frozen=True)
class EventDrop(_Random):
    """Drop nothing, a time, an area or random events, each equally likely (EventDrop, Gu et al. 2021).

    Args:
        times: shares of the time span, one of which is drawn.
        areas: shares of the sensor's sides.
        events: shares of the events.
    """

    sensor_size: Size
    times: Sequence[float] = tuple(k / 10 for k in range(1, 10))
    areas: Sequence[float] = tuple(k / 20 for k in range(1, 6))
    events: Sequence[float] = tuple(k / 10 for k in range(1, 10))
    p: float = 1.0

    def __call__(self, events: Events) -> Events:
        if not self._happens(self.p):
            return events
        what = int(self.rng.integers(4))
        if what == 0:
            return events
        ratio = float(self.rng.choice((self.times, self.areas, self.events)[what - 1]))
        if what == 1:
            return DropTime(ratio, rng=self.rng)(events)
        if what == 2:
            return DropArea(self.sensor_size, ratio, rng=self.rng)(events)
        return DropEvents(ratio, rng=self.rng)(events)


@dataclass(frozen=True)
class Compose:
    """One after the other."""

    transforms: tuple[Callable[[Events], Events], ...]

    def __call__(self, events: Events) -> Events:
        for transform in self.transforms:
            events = transform(events)
        return events


def compose(names: Iterable[str], sensor_size: Size, *, rng: np.random.Generator) -> Compose:
    """The named augmentations with their defaults, in the order of the authors' code whatever the order of the names.

    Args:
        names: of COMMON and SPECIFIC.
        sensor_size: (W, H, 2).
        rng: source of all draws.

    Raises:
        UsageError: an unknown name.
    """
    makers: dict[str, Callable[[], Callable[[Events], Events]]] = {
        "hflip": lambda: HFlip(sensor_size, rng=rng),
        "noise": lambda: Noise(sensor_size, rng=rng),
        "reverse": lambda: Reverse(rng=rng),
        "polflip": lambda: PolFlip(rng=rng),
        "eventdrop": lambda: EventDrop(sensor_size, rng=rng),
        "crop": lambda: Crop(sensor_size, rng=rng),
        "mirror": lambda: Mirror(sensor_size, rng=rng),
    }
    wanted = set(names)
    if unknown := sorted(wanted - set(makers)):
        raise UsageError(
            "unknown augmentations",
            problems=[Problem(name, "no such augmentation") for name in unknown],
            next_step=f"choose among {', '.join(makers)}",
        )
    return Compose(tuple(make() for name, make in makers.items() if name in wanted))


def hflip(events: Events, width: int) -> Events:
    """The events with x counted from the right."""
    flipped = events.copy()
    flipped["x"] = width - 1 - events["x"].astype(np.int64)
    return flipped


def crop(events: Events, box: tuple[int, int, int, int], to: tuple[int, int], *, resample: str = "nearest") -> Events:
    """The events of a box, stretched.

    Args:
        events: (x, y, t, p).
        box: left, top, width, height in pixels.
        to: width and height afterwards.
        resample: `nearest` or `move`, see `Crop`.
    """
    left, top, width, height = box
    x, y = events["x"].astype(np.int64) - left, events["y"].astype(np.int64) - top
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y, kept = x[inside], y[inside], events[inside]
    if resample == "move":
        kept["x"], kept["y"] = x * to[0] // width, y * to[1] // height
        return kept
    # New pixel X takes its value from floor(X * width / W); pixel x therefore feeds the columns first[x] to first[x+1].
    first_x, first_y = (-(-np.arange(n + 1) * size // n) for n, size in zip((width, height), to, strict=True))
    columns, rows = np.diff(first_x)[x], np.diff(first_y)[y]
    copies = columns * rows
    stretched = np.repeat(kept, copies)
    number = np.arange(len(stretched)) - np.repeat(np.cumsum(copies) - copies, copies)
    across = np.repeat(columns, copies)
    stretched["x"] = np.repeat(first_x[x], copies) + number % across
    stretched["y"] = np.repeat(first_y[y], copies) + number // across
    return stretched
