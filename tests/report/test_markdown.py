"""The report as Markdown."""

from msgspec.structs import replace

from neurofer.report.markdown import markdown, table


def test_it_says_what_was_deployed_and_how_sure_that_is(report):
    text = markdown(report)
    assert text.startswith("# small on nir\n")
    assert "| weights | random |" in text
    assert "| accuracy, test | 87.5% |" in text
    assert "| norse | neurofer | norse 1 | EXACT | 1,234 | 0 |" in text
    assert "node 'a', step 2, sample 0, neuron [1]: membrane 1.25, threshold 1, margin 0.25" in text
    assert "## Energy by formula exact" in text
    assert "## Energy by formula eq4-8" in text
    assert "- a: soft reset" in text
    assert "`neurofer export small --to nir`" in text
    assert text.endswith("\n")


def test_a_section_without_content_is_left_out(report):
    text = markdown(replace(report, verification=None, energy=[], spikes=[], caveats=[]))
    assert "## Versions" in text
    assert text.count("## ") == 1


def test_an_exact_row_needs_no_reason(report):
    text = markdown(report)
    assert "**norse, stock**" in text
    assert "**norse, neurofer**" not in text


def test_a_pipe_in_a_cell_does_not_end_it():
    assert table(("a",), [("x | y",)]).splitlines()[-1] == "| x \\| y |"
