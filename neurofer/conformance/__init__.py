"""Conformance: what a simulator's importer makes of small NIR graphs, case by case, against the float64 reference.

For authors of simulators: implement `Simulator`, hand it to `run`, and print what `markdown` makes of the report.
"""

from neurofer.conformance.cases import Case, suite
from neurofer.conformance.report import Report, Result
from neurofer.conformance.runner import run
from neurofer.conformance.simulator import Refused, Simulator
from neurofer.conformance.table import markdown

__all__ = ["Case", "Refused", "Report", "Result", "Simulator", "markdown", "run", "suite"]
