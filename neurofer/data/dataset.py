"""What a data set is: samples and labels in three parts, the same parts for the same seed."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from neurofer.data.events.binning import By
from neurofer.data.folds import Split
from neurofer.errors import UsageError

Picked = slice | NDArray[np.intp] | NDArray[np.bool_]
Natural = Annotated[int, msgspec.Meta(ge=1)]


class DataSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data section of a recipe.

    Attributes:
        name: which data; what does not come with neurofer is passed as a file.
        shape: channels, height, width of an image or of one event frame.
        classes: number of classes; labels are 0 to classes - 1.
        scale: stored values are divided by it; with a power of two they stay exact.
        distinct: leave out validation and test samples that are exact copies of a sample of an earlier part.
        binning: how events become frames, see `neurofer.data.events.bin_events`.
        folds: how many folds a built folder of recordings is put into.
        fold: which of them is tested on; the next one chooses the epoch.
        split: whether folds are of samples at random or of whole subjects, see `neurofer.data.folds`.
        augment: what is done to the recordings that are trained on, see `neurofer.data.augment.compose`.
    """

    name: str
    shape: tuple[Natural, Natural, Natural]
    classes: Natural
    scale: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    distinct: bool = False
    binning: By = "time"
    folds: Natural = 10
    fold: Annotated[int, msgspec.Meta(ge=0)] = 0
    split: Split = "random"
    augment: tuple[str, ...] = ()


class Samples(ABC):
    """Samples that are made when they are asked for: too large for memory, or others in every epoch."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, picked: Picked) -> NDArray[Any]:
        """The samples as they are, [n, ...]."""

    @abstractmethod
    def draw(self, picked: Picked, rng: np.random.Generator) -> NDArray[Any]:
        """The samples as training sees them this time, [n, ...]."""

    @abstractmethod
    def pick(self, picked: Picked) -> Samples:
        """These samples only."""

    @abstractmethod
    def digests(self) -> list[bytes]:
        """Of each sample a digest that equal samples share."""

    @abstractmethod
    def description(self) -> str:
        """What decides, besides the digests, how they are seen."""


@dataclass(frozen=True)
class Arrays:
    """Samples x, float32 [N, *shape] or uint8 [N, T, *shape], and labels y, int64 [N]."""

    x: NDArray[Any] | Samples
    y: NDArray[np.int64]

    def draw(self, picked: Picked, rng: np.random.Generator) -> NDArray[Any]:
        """The samples as training sees them this time, [n, ...]; arrays stay what they are."""
        return self.x.draw(picked, rng) if isinstance(self.x, Samples) else self.x[picked]

    def pick(self, picked: Picked) -> Arrays:
        """These samples only."""
        return Arrays(self.x.pick(picked) if isinstance(self.x, Samples) else self.x[picked], self.y[picked])

    def digests(self) -> list[bytes]:
        """SHA-256 of each sample's values, or of what they are made from."""
        if isinstance(self.x, Samples):
            return self.x.digests()
        return [hashlib.sha256(np.ascontiguousarray(sample).data).digest() for sample in self.x]


@dataclass(frozen=True)
class Dataset:
    """Three disjoint parts of one data set: to fit weights, to choose among epochs, to report on.

    Attributes:
        name: what to call it.
        train: to fit weights.
        validation: to choose among epochs.
        test: to report on.
        parting: what is to be known of how it was parted, in words.
    """

    name: str
    train: Arrays
    validation: Arrays
    test: Arrays
    parting: str = field(default="", kw_only=True)

    def fingerprint(self) -> str:
        """SHA-256 of all samples and labels, in hexadecimal."""
        digest = hashlib.sha256()
        for part in (self.train, self.validation, self.test):
            for array in (part.x, part.y):
                if isinstance(array, Samples):
                    digest.update(array.description().encode() + b"".join(array.digests()))
                else:
                    digest.update(f"{array.dtype}{array.shape}".encode())
                    digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def split(name: str, x: NDArray[Any], y: NDArray[np.int64], *, seed: int = 0) -> Dataset:
    """Part a data set, class by class: 20 % test, and of the rest 10 % validation.

    Args:
        name: what to call it.
        x: samples [N, ...].
        y: labels [N].
        seed: which random parts.

    Raises:
        UsageError: some class has too few samples to be in all three parts.
    """
    rng = np.random.default_rng(seed)
    parts: tuple[list[NDArray[np.intp]], ...] = ([], [], [])
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        if len(members) < 3:
            raise UsageError(
                f"class {label} has {len(members)} samples, too few to train, validate and test",
                where=name,
                next_step="give at least 3 samples of each class",
            )
        test = max(1, round(0.2 * len(members)))
        validation = max(1, round(0.1 * (len(members) - test)))
        cuts = np.split(members, [test, test + validation])
        for part, indices in zip(parts, (cuts[2], cuts[1], cuts[0]), strict=True):
            part.append(indices)
    train, validate, report = (np.sort(np.concatenate(part)) for part in parts)
    return Dataset(name, *(Arrays(x[part], y[part]) for part in (train, validate, report)))
