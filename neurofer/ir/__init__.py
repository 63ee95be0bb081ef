"""The intermediate representation: Program, Contract, Trace, Capabilities, and NIR reading and writing (serde)."""

from neurofer.ir import nodes
from neurofer.ir.capabilities import Capabilities
from neurofer.ir.contract import Contract, Readout
from neurofer.ir.domain import BINARY, REAL, Domain
from neurofer.ir.program import Edge, Program
from neurofer.ir.trace import Spikes, Trace

__all__ = [
    "BINARY",
    "REAL",
    "Capabilities",
    "Contract",
    "Domain",
    "Edge",
    "Program",
    "Readout",
    "Spikes",
    "Trace",
    "nodes",
]
