import pytest

from neurofer.errors import ProgramError
from neurofer.ir import Contract, Readout


def test_all_impossible_values_are_named_at_once():
    with pytest.raises(ProgramError) as caught:
        Contract(dt=0, scheme="rk4", steps=0, encoder="rate", readout=Readout("mean"))
    assert {problem.where for problem in caught.value.problems} == {"dt", "scheme", "steps", "encoder", "readout"}


@pytest.mark.parametrize("dt", [-1e-3, float("nan"), float("inf")])
def test_a_step_has_a_length(dt):
    with pytest.raises(ProgramError, match="dt"):
        Contract(dt=dt)
