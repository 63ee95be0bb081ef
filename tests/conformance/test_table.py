"""The table: cells, reasons, Markdown, and the example in the documentation."""

import contextlib
import io

from neurofer.conformance import markdown, run
from neurofer.conformance.cases import select
from neurofer.conformance.registered import Registered
from neurofer.conformance.table import EXAMPLE, by_kind, cell, failures, totals
from tests.conformance.simulators import Failing, Right

SOME = (*select("scale*"), *select("affine"))


def test_a_cell_counts_words_and_tells_the_largest_share():
    report = run([Right(), Failing("zeros")], SOME, timeout=None)
    assert by_kind(report) == [("Scale", "2", "exact", "silently wrong (100%)"), ("Affine", "1", "exact", "exact")]
    wrong = report.of(report.columns[1]).values()
    assert cell(wrong) == "1 exact, 2 silently wrong (100%)"
    assert totals(report, report.columns[1]) == {"exact": 1, "silently wrong": 2}


def test_failures_of_one_reason_stand_together():
    report = run(Failing("says no"), SOME, timeout=None)
    assert failures(report, report.columns[0]) == [
        ("scale, scale-image", "refused: NotImplementedError: there is no Scale")
    ]


def test_markdown_has_versions_kinds_cases_and_reasons():
    text = markdown(run([Right(), Failing("says no")], SOME, timeout=None))
    assert "| right | 1.0 | 3 exact |" in text
    assert "| Scale | 2 | exact | refused |" in text
    assert "| scale | a factor per value | 0.0001 | exact | refused |" in text
    assert "### says no\n\n- scale, scale-image: refused: NotImplementedError" in text
    assert "### right" not in text
    assert text.endswith("\n")


def test_what_a_reason_quotes_does_not_become_html():
    class Angry(Right):
        name = "angry"

        def load(self, graph, dt):
            raise ValueError("<class 'nir.Scale'>\n  | no")

    assert "ValueError: &lt;class 'nir.Scale'> \\| no" in markdown(run(Angry(), SOME, timeout=None))


def test_our_importer_has_a_heading_of_its_own():
    report = run([Registered("norse", "neurofer")], SOME[:1], timeout=None)
    assert report.columns[0].title == "norse (neurofer)"
    assert report.results[0].word == "exact"


def test_the_example_is_short_and_does_what_it_says():
    assert sum(bool(line) for line in EXAMPLE.splitlines()) <= 10
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(EXAMPLE, "example", "exec"), {"__name__": "__main__"})  # noqa: S102 - as a reader would run it
    assert "| Linear | 2 | 1 exact, 1 refused |" in said.getvalue()
    assert "| Affine | 1 | silently wrong (100%) |" in said.getvalue()
    assert "refused: Refused: one layer at a time" in said.getvalue()
