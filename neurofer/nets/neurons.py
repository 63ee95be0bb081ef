"""The spiking neurons both papers use: threshold 1, arctangent surrogate, hard or soft reset."""

from __future__ import annotations

from spikingjelly.activation_based import neuron, surrogate

from neurofer.errors import UsageError


def integrate_and_fire(reset: str) -> neuron.IFNode:
    """IF neuron, threshold 1, multi-step (Spiking-FER equations 1 and 2; Conv-SNN, convolutional part).

    Args:
        reset: `hard` sets the membrane to 0 after a spike, `soft` subtracts the threshold.

    Raises:
        UsageError: another reset.
    """
    return neuron.IFNode(
        v_threshold=1.0, v_reset=_v_reset(reset), surrogate_function=surrogate.ATan(), detach_reset=True, step_mode="m"
    )


def leaky_integrate_and_fire(reset: str, tau: float = 2.0) -> neuron.LIFNode:
    """LIF neuron whose input decays too, threshold 1, multi-step (Conv-SNN equation 3).

    Args:
        reset: `hard` or `soft`, as in `integrate_and_fire`.
        tau: membrane time constant, in steps.

    Raises:
        UsageError: another reset.
    """
    return neuron.LIFNode(
        tau=tau,
        decay_input=True,
        v_threshold=1.0,
        v_reset=_v_reset(reset),
        surrogate_function=surrogate.ATan(),
        detach_reset=True,
        step_mode="m",
    )


def _v_reset(reset: str) -> float | None:
    if reset not in ("hard", "soft"):
        raise UsageError(f"no reset is called '{reset}'", next_step="use hard or soft")
    return 0.0 if reset == "hard" else None
