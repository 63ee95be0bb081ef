import numpy as np
import pytest

from neurofer.ir import BINARY, REAL, Domain


def test_sums_add_their_largest_values():
    assert Domain("integer", 2) == BINARY + BINARY
    assert Domain("integer", 2) + BINARY == Domain("integer", 3)
    assert BINARY + REAL == REAL
    assert BINARY.times(1) == BINARY
    assert BINARY.times(0) == REAL


def test_joins_hold_both():
    assert BINARY | Domain("integer", 3) == Domain("integer", 3)
    assert BINARY | BINARY == BINARY
    assert Domain("code", 255) | REAL == REAL


def test_largest_values_belong_to_the_kind():
    assert Domain("binary") == BINARY
    assert Domain("real", 3) == REAL
    with pytest.raises(ValueError, match="not one of"):
        Domain("spikes")
    with pytest.raises(ValueError, match="whole number"):
        Domain("integer")
    with pytest.raises(ValueError, match="whole number"):
        Domain("code", 2.5)


@pytest.mark.parametrize(
    ("values", "binary", "code", "real"),
    [
        ([0, 1], True, True, True),
        ([0, 3], False, True, True),
        ([0, 4], False, False, True),
        ([-1, 1], False, False, True),
        ([0.5], False, False, True),
        ([], True, True, True),
    ],
)
def test_what_it_holds(values, binary, code, real):
    domains = (BINARY, Domain("code", 3), REAL)
    assert [domain.holds(np.array(values)) for domain in domains] == [binary, code, real]


def test_text():
    assert [str(d) for d in (BINARY, REAL, Domain("code", 255))] == ["binary", "real", "code 0..255"]
