"""Whether a network fits a board's memories: all that is too large is named before anything is written."""

from __future__ import annotations

from neurofer.backends.board import Board
from neurofer.backends.c.boards.harness import values
from neurofer.backends.c.boards.toolchain import Linked
from neurofer.backends.c.plan import Plan
from neurofer.backends.c.plan_stages import BYTES
from neurofer.errors import Problem, RefusedError

_SHOWN = 5


def check(plan: Plan, board: Board) -> None:
    """Check what is known without a compiler: weights, state, input, output and stack.

    Raises:
        RefusedError: flash or RAM do not suffice; what needs most of them is named.
    """
    ports = sum(_port_bytes(plan).values())
    need = plan.ram + ports + board.stack
    problems = []
    if plan.flash > board.flash:
        problems.append(
            Problem("flash", f"{_of(plan.flash, board.flash)} for weights alone: {_largest(_weights(plan))}")
        )
    if need > board.ram:
        parts = f"state {plan.ram:,}, input and output {ports:,}, stack {board.stack:,}"
        problems.append(
            Problem("RAM", f"{_of(need, board.ram)} ({parts}): {_largest(_buffers(plan) | _port_bytes(plan))}")
        )
    _refuse(problems, plan, board)


def check_linked(linked: Linked, plan: Plan, board: Board) -> None:
    """Check a linked program, code included.

    Raises:
        RefusedError: it does not fit.
    """
    problems = []
    if linked.flash > board.flash:
        parts = f"weights {plan.flash:,}, code {linked.flash - plan.flash:,}"
        problems.append(Problem("flash", f"{_of(linked.flash, board.flash)} ({parts})"))
    if linked.ram > board.ram:
        problems.append(Problem("RAM", f"{_of(linked.ram, board.ram)}: {_largest(_buffers(plan) | _port_bytes(plan))}"))
    _refuse(problems, plan, board)


def _refuse(problems: list[Problem], plan: Plan, board: Board) -> None:
    if problems:
        narrow = ", 8-bit weights (--exact --bits 8)" if _has_wide_weights(plan) else ""
        raise RefusedError(
            f"the network does not fit {board.part}",
            problems=problems,
            next_step=f"a smaller network (--width, --input-size){narrow}, fewer --steps, "
            "or a .toml file for a larger part",
        )


def _has_wide_weights(plan: Plan) -> bool:
    constants = (constant for constant, _ in plan.constants.values())
    return any(constant.name.endswith(".weight") and constant.type not in ("u8", "i8") for constant in constants)


def _of(need: int, there: int) -> str:
    return f"needs {need:,} bytes of {there:,}"


def _largest(sizes: dict[str, int]) -> str:
    found = sorted(sizes.items(), key=lambda entry: -entry[1])[:_SHOWN]
    return "largest are " + ", ".join(f"{name} {size:,}" for name, size in found)


def _weights(plan: Plan) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for constant, _ in plan.constants.values():
        sizes[constant.name] = sizes.get(constant.name, 0) + constant.values.nbytes
    return sizes


def _buffers(plan: Plan) -> dict[str, int]:
    """Return the buffers of the arena that decides the size of the state."""
    arenas = [plan.arena(layers=False)] + ([plan.arena(layers=True)] if plan.sequence == "layers" else [])
    largest = max(arenas, key=lambda arena: arena.bytes)
    return {name: buffer.bytes(largest.steps) for name, buffer in largest.buffers.items()}


def _port_bytes(plan: Plan) -> dict[str, int]:
    steps = plan.program.contract.steps
    return {port.name: BYTES[port.type] * values(port, steps) for port in (*plan.inputs, *plan.outputs)}
