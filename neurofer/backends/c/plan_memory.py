"""Where buffers lie in the state: those that are never needed at once share room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from neurofer.backends.c.plan_stages import Buffer, Compute, Fused, Late, Stage, reads

ALIGNMENT = 64
"""Bytes to whose multiples buffers are aligned, counted from the state's begin."""

HEADER = 64
"""Bytes before the first buffer: the pointer to the weights and the number of the step."""


@dataclass(frozen=True)
class Arena:
    """Offsets of buffers in bytes from the begin of the state.

    Attributes:
        steps: steps computed at once.
        offsets: by the buffer's name.
        buffers: by name.
        bytes: size of the state.
    """

    steps: int
    offsets: Mapping[str, int]
    buffers: Mapping[str, Buffer]
    bytes: int


@dataclass(frozen=True)
class _Item:
    buffer: Buffer
    size: int
    born: int
    dies: int


def arena(stages: Sequence[Stage], steps: int, *, layers: bool, kept: Iterable[str] = ()) -> Arena:
    """Place the buffers of ``stages``, ``steps`` steps of them at once.

    Args:
        stages: in the order in which they run.
        steps: steps that every buffer holds.
        layers: whether all steps run at once, so that nothing is kept between calls.
        kept: names of buffers that no other may overwrite.
    """
    items = _items(stages, steps, layers=layers, kept=frozenset(kept))
    offsets: dict[str, int] = {}
    placed: list[_Item] = []
    for item in sorted(items, key=lambda item: (-item.size, item.born)):
        offsets[item.buffer.name] = _lowest(item, placed, offsets)
        placed.append(item)
    end = max((offsets[item.buffer.name] + item.size for item in items), default=HEADER)
    return Arena(steps, offsets, {item.buffer.name: item.buffer for item in items}, _aligned(end))


def _items(stages: Sequence[Stage], steps: int, *, layers: bool, kept: frozenset[str]) -> list[_Item]:
    born: dict[str, int] = {}
    dies: dict[str, int] = {}
    buffers: dict[str, Buffer] = {}
    for index, stage in enumerate(stages):
        for buffer in used(stage, layers=layers):
            buffers[buffer.name] = buffer
            born.setdefault(buffer.name, index)
            dies[buffer.name] = index
            if buffer.name in kept or (buffer.keeps and not layers):
                born[buffer.name], dies[buffer.name] = -1, len(stages)
    return [_Item(buffer, _aligned(buffer.bytes(steps)), born[name], dies[name]) for name, buffer in buffers.items()]


def used(stage: Stage, *, layers: bool) -> list[Buffer]:
    """Return every buffer that a stage touches."""
    found = [*reads(stage)]
    if isinstance(stage.out, Buffer):
        found.append(stage.out)
    memory: list[Buffer | None] = []
    if isinstance(stage, (Compute, Fused)):
        found.append(stage.scratch)
        memory = [stage.membrane, stage.current if isinstance(stage, Compute) else None]
    if isinstance(stage, Late):
        memory = [stage.past]
    return found if layers else [*found, *(buffer for buffer in memory if buffer is not None)]


def _lowest(item: _Item, placed: Sequence[_Item], offsets: Mapping[str, int]) -> int:
    """Return the lowest place where nothing that lives at the same time lies."""
    taken = sorted(
        (offsets[other.buffer.name], other.size)
        for other in placed
        if other.born <= item.dies and item.born <= other.dies
    )
    place = HEADER
    for start, size in taken:
        if start - place >= item.size:
            break
        place = max(place, start + size)
    return place


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
