import pytest
import torch
from torch import nn

from neurofer.nets.resnet18 import BasicBlock, ResNet18


@pytest.mark.parametrize(("size", "expected"), [(200, 1_838_103_552), (128, 707_791_872)])
def test_macs_are_equation_6(size, expected):
    with torch.device("meta"):
        network = ResNet18()
        macs = []
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(
                    lambda m, _, o: macs.append(
                        m.kernel_size[0] ** 2 * o[0, 0].numel() * m.in_channels * m.out_channels
                    )
                )
        network(torch.empty(1, 12, size, size))
    assert len(macs) == 20
    assert sum(macs) + network.fc.weight.numel() == expected


def test_parameters():
    with torch.device("meta"):
        assert sum(p.numel() for p in ResNet18().parameters()) == 11_204_736 + 512 * 6


def test_block_adds_before_the_last_relu():
    block = BasicBlock(4, 4, 1).eval()
    nn.init.zeros_(block.bn2.weight)
    x = torch.randn(2, 4, 6, 6)
    with torch.no_grad():
        assert torch.equal(block(x), x.relu())
