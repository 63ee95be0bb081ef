"""Folds for cross-validation: samples at random, as in the paper, or whole subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurofer.errors import UsageError

Split = Literal["random", "subject"]


@dataclass(frozen=True)
class Overlap:
    """How well a model may know the people it is tested on.

    Attributes:
        subjects: how many people the test part shows.
        known: how many of them the training part shows, too.
    """

    subjects: int
    known: int

    @property
    def share(self) -> float:
        """Known people among those of the test part, 0 to 1."""
        return self.known / self.subjects


def assign_folds(
    labels: ArrayLike, subjects: Sequence[Any], folds: int = 10, *, split: Split = "random", seed: int = 0
) -> NDArray[np.int64]:
    """Put each sample into a fold.

    `random` deals samples, so that folds differ by one sample at most, and by one of each class (Spiking-FER, section
    4.2: ten random folds of equal size; in the folds its authors publish, 90 to 100 % of a test fold's subjects also
    stand in the training part). `subject` deals people, each whole, so that sizes and classes are as even as a greedy
    choice makes them, largest people first.

    Args:
        labels: class of each sample, [N].
        subjects: who is seen in each sample, [N].
        folds: how many.
        split: `random` or `subject`.
        seed: of the draws.

    Returns:
        The fold of each sample, 0 to folds - 1, [N].

    Raises:
        UsageError: fewer samples or subjects than folds, fewer than two folds, or an unknown split.
    """
    labels, people = np.asarray(labels), np.asarray([str(subject) for subject in subjects])
    if split not in ("random", "subject"):
        raise UsageError(f"there is no split '{split}'", next_step="choose random or subject")
    units = len(labels) if split == "random" else len(np.unique(people))
    if not 2 <= folds <= units:
        raise UsageError(
            f"{units} {'samples' if split == 'random' else 'subjects'} cannot be put into {folds} folds",
            next_step=f"ask for 2 to {units} folds" if units > 1 else "give more of them",
        )
    rng = np.random.default_rng(seed)
    return _deal(labels, folds, rng) if split == "random" else _deal_people(labels, people, folds, rng)


def part_folds(fold_of: NDArray[np.int64], fold: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Indices of the samples to train on, to choose the epoch by, and to test on.

    The fold after the tested one chooses the epoch. (The paper chooses it by the fold that it reports.)

    Args:
        fold_of: the fold of each sample, [N].
        fold: which one is tested on.

    Raises:
        UsageError: no such fold, or fewer than three.
    """
    folds = int(fold_of.max()) + 1
    if folds < 3 or not 0 <= fold < folds:
        raise UsageError(
            f"fold {fold} of {folds} cannot be tested on",
            why="one fold is to test on, one to choose the epoch by, and the others are to train on",
            next_step="ask for 3 folds or more, and number them from 0",
        )
    test, validation = fold_of == fold, fold_of == (fold + 1) % folds
    return np.flatnonzero(~(test | validation)), np.flatnonzero(validation), np.flatnonzero(test)


def overlap(subjects: Sequence[Any], train: NDArray[np.intp], test: NDArray[np.intp]) -> Overlap:
    """Count the people of the test part who are also in the training part.

    Args:
        subjects: who is seen in each sample, [N].
        train: indices of the samples that are trained on.
        test: indices of those that are tested on.
    """
    seen, tested = ({str(subjects[index]) for index in part} for part in (train, test))
    return Overlap(len(tested), len(seen & tested))


def _deal(labels: NDArray[Any], folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    # Dealt class after class without a break, both each class and the whole are even.
    order = rng.permutation(len(labels))
    dealt = order[np.argsort(labels[order], kind="stable")]
    fold_of = np.empty(len(labels), np.int64)
    fold_of[dealt] = rng.permutation(folds)[np.arange(len(labels)) % folds]
    return fold_of


def _deal_people(labels: NDArray[Any], people: NDArray[Any], folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    classes, label = np.unique(labels, return_inverse=True)
    names, person = np.unique(people, return_inverse=True)
    has = np.zeros((len(names), len(classes)))
    np.add.at(has, (person, label), 1)
    fair = has.sum(0) / folds  # of each class in each fold
    order = rng.permutation(len(names))
    held, fold_of_person, left = np.zeros((folds, len(classes))), np.empty(len(names), np.int64), folds
    empty = np.ones(folds, bool)
    for number, one in enumerate(order[np.argsort(-has[order].sum(1), kind="stable")]):
        # What a person adds to the squared distance from even; the last people must fill the folds still empty.
        cost = (((held + has[one] - fair) ** 2 - (held - fair) ** 2) / fair).sum(1)
        if left == len(names) - number:
            cost = np.where(empty, cost, np.inf)
        choice = int(rng.choice(np.flatnonzero(np.isclose(cost, cost.min()))))
        held[choice] += has[one]
        left -= int(empty[choice])
        empty[choice], fold_of_person[one] = False, choice
    return fold_of_person[person]
