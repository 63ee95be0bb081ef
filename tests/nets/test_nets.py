"""The registry, and what holds for all networks: traceable without a loop, named as their counterparts."""

import subprocess
import sys

import pytest
import torch
from spikingjelly.activation_based import functional
from torch import fx, nn

from neurofer import nets
from neurofer.errors import UsageError
from neurofer.nets.time import Repeat

SMALL = {
    "conv-cnn": ({"channels": 4, "size": 8, "hidden": (8, 6)}, (2, 1, 8, 8)),
    "conv-snn": ({"channels": 4, "size": 8, "hidden": (8, 6)}, (2, 1, 8, 8)),
    "resnet18": ({"width": 4}, (2, 12, 32, 32)),
    "spiking-fer": ({"width": 4}, (6, 2, 2, 32, 32)),
}


class Tracer(fx.Tracer):
    """Stops at every module that comes from a library, and at Repeat."""

    def is_leaf_module(self, m, module_qualified_name):
        library = m.__module__.startswith("spikingjelly") or isinstance(m, Repeat)
        return library or super().is_leaf_module(m, module_qualified_name)


def layers(network):
    return {name: m for name, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}


def test_all_networks_are_covered():
    assert set(SMALL) == set(nets.architectures())


@pytest.mark.parametrize("name", SMALL)
def test_traced_network_is_the_same_network(name):
    options, shape = SMALL[name]
    torch.manual_seed(0)
    network = nets.build(name, **options).eval()
    for part in network.modules():
        if isinstance(part, nn.Linear):
            part.weight.data.abs_()
        elif isinstance(part, nn.BatchNorm2d):
            part.bias.data.fill_(0.5)
    traced = fx.GraphModule(network, Tracer().trace(network))
    x = (torch.rand(shape, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    with torch.no_grad():
        expected = network(x)
        functional.reset_net(network)
        found = traced(x)
    assert torch.equal(found, expected)
    assert expected.abs().max() > 0
    assert expected.shape == (2, {"conv": 7}.get(name[:4], 6))


@pytest.mark.parametrize("name", SMALL)
def test_trace_holds_one_call_per_library_module_and_no_loop(name):
    network = nets.build(name, **SMALL[name][0])
    graph = Tracer().trace(network)
    called = [node.target for node in graph.nodes if node.op == "call_module"]
    assert len(called) == len(set(called))
    assert set(layers(network)) <= set(called)
    methods = {node.target for node in graph.nodes if node.op == "call_method"}
    assert methods <= {"sum", "mean"}


@pytest.mark.parametrize(("spiking", "baseline"), [("conv-snn", "conv-cnn"), ("spiking-fer", "resnet18")])
def test_baseline_layers_have_counterparts_of_their_name(spiking, baseline):
    snn, ann = layers(nets.build(spiking, **SMALL[spiking][0])), layers(nets.build(baseline, **SMALL[baseline][0]))
    assert set(snn) - set(ann) <= {"accumulator"}
    assert not set(ann) - set(snn)
    for name in set(ann) - {"conv1"}:
        assert ann[name].weight.shape == snn[name].weight.shape, name


def test_all_unknown_options_are_named():
    with pytest.raises(UsageError) as error:
        nets.build("conv-snn", colour=1, sizes=2, steps=4)
    assert "colour: no such option" in str(error.value)
    assert "sizes: no such option" in str(error.value)
    assert "steps" in str(error.value).split("next:")[1]


def test_unknown_architecture_names_the_known_ones():
    with pytest.raises(UsageError, match="no architecture is called 'alexnet'") as error:
        nets.build("alexnet")
    assert "conv-snn, resnet18, spiking-fer" in str(error.value)


def test_importing_the_room_does_not_import_torch():
    probe = "import sys, neurofer.nets, neurofer.data, neurofer.train.recipe as r; r.load_recipe('digits'); {}"
    check = "sys.exit(bool({'torch', 'spikingjelly', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", probe.format(check)], check=False).returncode == 0
    build = probe.format("neurofer.nets.build('conv-cnn'); " + check)
    assert subprocess.run([sys.executable, "-c", build], check=False).returncode == 1


def test_no_network_imports_torchvision():
    for name in SMALL:
        nets.build(name, **SMALL[name][0])
    assert not [module for module in sys.modules if module.startswith("torchvision")]
