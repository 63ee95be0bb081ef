import pytest

from neurofer.cli.bench.scaling import exponent


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law(power):
    assert exponent([(work, 3 * work**power) for work in (1, 2, 5, 9)]) == pytest.approx(power)
