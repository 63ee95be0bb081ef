import pytest

from neurofer.cli.bench.density import crossing


def test_a_crossing_is_interpolated_between_points():
    assert crossing([(0.1, 0.5), (0.2, 0.8), (0.3, 1.6)]) == pytest.approx(0.225)


def test_the_first_of_several_crossings_counts():
    assert crossing([(0.0, 0.0), (1.0, 2.0), (2.0, 0.0), (3.0, 2.0)]) == pytest.approx(0.5)


@pytest.mark.parametrize(("ratio", "words"), [(0.5, "above 40.0%"), (1.5, "below 2.0%")])
def test_a_crossing_beyond_the_points_is_told_in_words(ratio, words):
    assert crossing([(0.02, ratio), (0.4, ratio)]) == words
