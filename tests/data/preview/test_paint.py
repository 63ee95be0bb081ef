import numpy as np
import pytest

from neurofer.data.preview.paint import OFF, ON, PAPER, colour, nice, palette, short

# What people without one kind of cones see, in linear RGB (Vienot, Brettel and Mollon 1999); and a grey print.
SEEN = {
    "all cones": np.eye(3),
    "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    "grey": np.tile([0.2126, 0.7152, 0.0722], (3, 1)),
}


@pytest.mark.parametrize("eyes", SEEN)
@pytest.mark.parametrize("count", [1, 10])
def test_on_and_off_are_told_apart_and_from_paper_by_all_eyes(eyes, count):
    both = np.zeros((2, 1, 3), np.int64)
    both[0, 0, 0], both[1, 0, 1] = count, count
    painted = colour(both, 10.0)[0] / 255
    off, on, none = (painted**2.2) @ np.transpose(SEEN[eyes])
    for one, other in ((on, off), (on, none), (off, none)):
        assert np.linalg.norm(one - other) > 0.1


def test_no_events_are_paper_and_many_of_one_kind_its_colour():
    counts = np.zeros((2, 2, 2), np.int64)
    counts[1, 0, 0], counts[0, 1, 1], counts[:, 0, 1] = 50, 50, 25
    painted = colour(counts, 50.0)
    assert painted.dtype == np.uint8
    assert painted[1, 0].tolist() == list(PAPER)
    assert painted[0, 0].tolist() == list(ON)
    assert painted[1, 1].tolist() == list(OFF)
    assert painted[0, 1].tolist() == [115, 136, 89]  # half of each
    assert colour(np.full((2, 1, 1), 10**9), 50.0).tolist() == [[[115, 136, 89]]]


def test_the_palette_holds_both_colours_and_paper():
    colours = {tuple(palette()[k : k + 3]) for k in range(0, 768, 3)}
    assert len(palette()) == 768
    assert {ON, OFF, PAPER} <= colours


@pytest.mark.parametrize(("value", "expected"), [(0, 1), (1, 1), (1.1, 2), (4.9, 5), (5.1, 10), (73_000, 100_000)])
def test_axes_end_at_nice_numbers(value, expected):
    assert nice(value) == expected


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (7, "7"), (999, "1000"), (1000, "1 k"), (18_543_210, "19 M"), (2e9, "2 G")]
)
def test_numbers_are_short(value, text):
    assert short(value) == text
