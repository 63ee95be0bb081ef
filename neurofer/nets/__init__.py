"""The papers' networks and their ANN baselines, by architecture name; importing this room does not import torch."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from neurofer.errors import Problem, UsageError

if TYPE_CHECKING:
    from torch import nn

_NETWORKS = {
    "conv-cnn": "neurofer.nets.conv_cnn:ConvCNN",
    "conv-snn": "neurofer.nets.conv_snn:ConvSNN",
    "resnet18": "neurofer.nets.resnet18:ResNet18",
    "spiking-fer": "neurofer.nets.spiking_fer:SpikingFER",
}


def architectures() -> tuple[str, ...]:
    """Names that `build` knows."""
    return tuple(sorted(_NETWORKS))


def options(architecture: str) -> tuple[str, ...]:
    """Names of the options that an architecture takes.

    Raises:
        UsageError: no such architecture.
    """
    return tuple(inspect.signature(_find(architecture)).parameters)


def build(architecture: str, **given: Any) -> nn.Module:
    """A network with fresh weights, drawn from torch's global generator.

    Args:
        architecture: one of `architectures()`.
        given: options of the network's class; all have defaults, those of the paper.

    Raises:
        UsageError: no such architecture, unknown options (all are named), or values that do not fit together.
    """
    network = _find(architecture)
    known = options(architecture)
    unknown = [Problem(name, "no such option") for name in given if name not in known]
    if unknown:
        raise UsageError(
            "unknown options", where=architecture, problems=unknown, next_step=f"the options are {', '.join(known)}"
        )
    return network(**given)


def _find(architecture: str) -> type[nn.Module]:
    if architecture not in _NETWORKS:
        raise UsageError(
            f"no architecture is called '{architecture}'",
            next_step=f"the architectures are {', '.join(architectures())}",
        )
    module, name = _NETWORKS[architecture].split(":")
    found: type[nn.Module] = getattr(import_module(module), name)
    return found
