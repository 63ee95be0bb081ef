"""Folds part a data set: evenly, by seed, and by subject without a person on both sides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.data.folds import assign_folds, overlap, part_folds
from neurofer.errors import UsageError


@st.composite
def samples(draw):
    count = draw(st.integers(3, 80))
    labels = draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))
    subjects = draw(st.lists(st.sampled_from([f"S{n}" for n in range(12)]), min_size=count, max_size=count))
    return np.array(labels), subjects


@given(samples(), st.integers(2, 12), st.integers(0, 5))
def test_random_folds_are_even_as_a_whole_and_in_each_class(given, folds, seed):
    labels, subjects = given
    folds = min(folds, len(labels))
    fold_of = assign_folds(labels, subjects, folds, seed=seed)
    for part in (np.ones(len(labels), bool), *(labels == label for label in range(6))):
        counts = np.bincount(fold_of[part], minlength=folds)
        assert len(counts) == folds
        assert counts.max() - counts.min() <= 1
    assert np.array_equal(fold_of, assign_folds(labels, subjects, folds, seed=seed))


@given(samples(), st.integers(2, 12), st.integers(0, 5))
def test_folds_by_subject_keep_people_together_and_leave_none_empty(given, folds, seed):
    labels, subjects = given
    people = len(set(subjects))
    if people < 2:
        return
    folds = min(folds, people)
    fold_of = assign_folds(labels, subjects, folds, split="subject", seed=seed)
    assert set(fold_of) == set(range(folds))
    for person in set(subjects):
        assert len({fold for fold, one in zip(fold_of, subjects, strict=True) if one == person}) == 1
    assert np.array_equal(fold_of, assign_folds(labels, subjects, folds, split="subject", seed=seed))


@given(samples(), st.integers(3, 12), st.data())
def test_parts_are_disjoint_complete_and_share_nobody_by_subject(given, folds, data):
    labels, subjects = given
    people = len(set(subjects))
    for split, units in (("random", len(labels)), ("subject", people)):
        if units < 3:
            continue
        fold_of = assign_folds(labels, subjects, min(folds, units), split=split)
        parts = part_folds(fold_of, data.draw(st.integers(0, int(fold_of.max()))))
        assert sorted(np.concatenate(parts)) == list(range(len(labels)))
        assert all(len(part) for part in parts)
        if split == "subject":
            train, validation, test = parts
            assert overlap(subjects, train, test).known == 0
            assert overlap(subjects, train, validation).known == 0
            assert overlap(subjects, validation, test).known == 0


def test_every_sample_is_tested_once_over_all_folds():
    fold_of = assign_folds(np.arange(47) % 6, np.arange(47) // 6, 10)
    tested = np.concatenate([part_folds(fold_of, fold)[2] for fold in range(10)])
    assert sorted(tested) == list(range(47))


def test_other_seeds_give_other_folds():
    labels, subjects = np.arange(60) % 6, np.arange(60) // 6
    for split in ("random", "subject"):
        # Not only the folds' numbers differ: other samples are together.
        first, other = (assign_folds(labels, subjects, 5, split=split, seed=seed) for seed in (0, 1))
        assert not np.array_equal(first[:, None] == first, other[:, None] == other)


def test_subjects_of_all_classes_give_even_folds():
    labels, subjects = np.arange(120) % 6, np.arange(120) // 6
    fold_of = assign_folds(labels, subjects, 10, split="subject")
    for label in range(6):
        assert np.bincount(fold_of[labels == label]).tolist() == [2] * 10


def test_uneven_subjects_are_spread_as_far_as_they_go():
    rng = np.random.default_rng(0)
    subjects = rng.geometric(0.05, 400)
    labels = rng.integers(0, 6, 400)
    sizes = np.bincount(assign_folds(labels, subjects, 10, split="subject"))
    assert sizes.max() <= max(44, np.bincount(subjects).max())
    assert sizes.min() >= 30


def test_random_folds_know_most_of_the_people_they_test():
    subjects = np.arange(132) // 6  # as many as ADFES has
    fold_of = assign_folds(np.arange(132) % 6, subjects, 10)
    found = [overlap(subjects, *part_folds(fold_of, fold)[::2]) for fold in range(10)]
    assert min(one.share for one in found) > 0.9
    assert all(one.subjects >= one.known > 0 for one in found)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: assign_folds([0, 1], ["a", "b"], 3), "2 samples cannot be put into 3 folds"),
        (lambda: assign_folds([0, 1, 0], ["a", "b", "a"], 3, split="subject"), "2 subjects .* 3 folds"),
        (lambda: assign_folds([0, 1, 0], ["a", "b", "a"], 1), "1 folds"),
        (lambda: assign_folds([0, 1], ["a", "b"], 2, split="age"), "no split 'age'"),
        (lambda: part_folds(np.array([0, 1, 2]), 3), "fold 3 of 3"),
        (lambda: part_folds(np.array([0, 1, 1]), 0), "fold 0 of 2"),
    ],
)
def test_folds_that_cannot_be_are_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()
