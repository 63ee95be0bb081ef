"""Energy: operations counted from a Trace, formulas that weigh them, and the profiles that price them."""

from neurofer.energy.count import Operations, count
from neurofer.energy.formulas import FORMULAS, estimate
from neurofer.energy.profiles import Profile, profile_names, read_profile
from neurofer.energy.report import EnergyReport, Layer

__all__ = [
    "FORMULAS",
    "EnergyReport",
    "Layer",
    "Operations",
    "Profile",
    "count",
    "estimate",
    "profile_names",
    "read_profile",
]
