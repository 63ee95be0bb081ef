import torch

from neurofer.nets.time import Repeat


def test_repeat_shows_the_same_value_at_every_step_without_copying():
    x = torch.randn(2, 3)
    out = Repeat(5)(x)
    assert out.shape == (5, 2, 3)
    assert torch.equal(out, torch.stack([x] * 5))
    assert out.data_ptr() == x.data_ptr()


def test_repeat_says_its_steps():
    assert repr(Repeat(4)) == "Repeat(steps=4)"
