"""Where a network enters its time loop."""

from __future__ import annotations

from torch import Tensor, nn


class Repeat(nn.Module):
    """Shows the same value at every step: [N, *] -> [T, N, *], without copying.

    What stands before it is computed once per sample; it is a leaf when a network is traced.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        return x.unsqueeze(0).expand(self.steps, *x.shape)

    def extra_repr(self) -> str:
        return f"steps={self.steps}"
