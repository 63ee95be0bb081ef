"""What the verbs that verify share."""

import io

import pytest

from neurofer.cli.check import condense, parse_targets, show
from neurofer.cli.outcome import console
from neurofer.errors import UsageError
from neurofer.verify import Verdict, Verification
from neurofer.verify.verdict import Divergence


def shown(*rows):
    out = io.StringIO()
    show(console(out), Verification(artifact="net.nir", steps=5, samples=1, targets=list(rows)))
    return out.getvalue()


FIRST = Divergence(node="1", step=2, sample=0, neuron=[0], membrane=1.0, threshold=1.0, margin=0.0)


def test_the_first_divergence_follows_its_verdict_and_names_are_quoted():
    reason = "1 differs\nknown of the importer:\n  - it assumes dt: 1\nnext: neurofer export"
    row = Verdict(
        target="norse",
        importer="stock",
        version="norse 1",
        verdict="DIVERGENT",
        first_divergence=FIRST,
        sources=["1"],
        reason=reason,
    )
    lines = shown(row).splitlines()
    assert "at node '1', step 2; see below" in lines[2]
    assert lines[3] == "norse, stock: DIVERGENT: 1 differs"
    assert lines[4].startswith("  first divergence: node '1', step 2")
    assert lines[5] == "  sources: '1'"
    assert lines[6:] == ["known of the importer:", "  - 1: it assumes dt", "next: neurofer export"]


def test_ties_say_why_many_entries_differ():
    ties = Verdict(target="norse", importer="stock", version="", verdict="TIES", spikes_differing=50, reason="rounding")
    assert "a tie that rounds the other way shifts the spikes behind it" in shown(ties)


def test_what_is_not_installed_is_told_once():
    rows = [
        Verdict(
            target=target,
            importer=importer,
            version="",
            verdict="NOT_RUN",
            reason=f"{target}: torch is not installed\n  next: pip install 'neurofer[simulators]'",
        )
        for target in ("norse", "snntorch")
        for importer in ("neurofer", "stock")
    ]
    text = shown(*rows)
    assert text.count("pip install") == 1
    assert "norse, snntorch: NOT_RUN: torch is not installed\n" in text


def test_nodes_with_one_cause_share_a_line():
    reason = (
        "cannot read\n" + "\n".join(f"  - act{i}: soft reset: no" for i in range(5)) + "\n  - fc: too wide\n  next: go"
    )
    assert condense(reason).splitlines() == [
        "cannot read",
        "  - soft reset: no: act0, act1, act2 and 2 more",
        "  - too wide: fc",
        "  next: go",
    ]


def test_text_without_a_list_stays():
    assert condense("every spike is equal") == "every spike is equal"
    assert condense("") == ""


def test_targets_are_split_once_each():
    assert parse_targets("norse, snntorch,norse") == ("norse", "snntorch")
    assert parse_targets(None) is None


def test_all_unknown_targets_are_named():
    with pytest.raises(UsageError, match="'brian', 'mars'"):
        parse_targets("brian,norse,mars")
