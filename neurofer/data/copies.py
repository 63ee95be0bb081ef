"""Exact duplicates across the parts of a data set: a test image that was trained on measures memory, nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurofer.data.dataset import Dataset
from neurofer.errors import UsageError


@dataclass(frozen=True)
class Copies:
    """Which samples equal, value for value, a sample of an earlier part; labels may differ.

    Attributes:
        validation: bool [N], validation samples that stand in the training part.
        test: bool [N], test samples that stand in the training part.
        test_of_validation: bool [N], test samples that stand in the validation part.
    """

    validation: NDArray[np.bool_]
    test: NDArray[np.bool_]
    test_of_validation: NDArray[np.bool_]


def find_copies(data: Dataset) -> Copies:
    """Find the samples that stand in two parts, by SHA-256 of their values."""
    train, validation, test = (part.digests() for part in (data.train, data.validation, data.test))
    return Copies(_among(validation, train), _among(test, train), _among(test, validation))


def without_copies(data: Dataset) -> Dataset:
    """The data set without the samples that `find_copies` finds; the training part stays as it is.

    Raises:
        UsageError: nothing is left to validate or to test.
    """
    copies = find_copies(data)
    left = replace(
        data,
        validation=data.validation.pick(~copies.validation),
        test=data.test.pick(~(copies.test | copies.test_of_validation)),
    )
    if not len(left.validation.y) or not len(left.test.y):
        raise UsageError(
            "every validation or every test sample is a copy of an earlier one",
            where=data.name,
            next_step="set data.distinct to false, or give other data",
        )
    return left


def _among(samples: list[bytes], others: list[bytes]) -> NDArray[np.bool_]:
    known = set(others)
    return np.array([sample in known for sample in samples], bool)
