"""Verification: is what a target runs still the same network, spike by spike?"""

from neurofer.verify.verdict import Divergence, Verdict, Verification, exit_code
from neurofer.verify.verify import verified, verify, verify_artifact

__all__ = ["Divergence", "Verdict", "Verification", "exit_code", "verified", "verify", "verify_artifact"]
