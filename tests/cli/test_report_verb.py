"""``neurofer report``: the same report again, from the bundle alone."""

from neurofer.report.bundle import MARKDOWN, REPORT


def test_markdown_on_standard_output_is_that_of_the_bundle(cli, shared_bundle):
    assert cli("report", shared_bundle).out == (shared_bundle / MARKDOWN).read_text()


def test_markdown_into_a_file(cli, shared_bundle, tmp_path):
    result = cli("report", shared_bundle, "--out", tmp_path / "r.md")
    assert str(tmp_path / "r.md") in result.out
    assert (tmp_path / "r.md").read_text() == (shared_bundle / MARKDOWN).read_text()


def test_json_is_report_json(cli, shared_bundle):
    assert cli("report", shared_bundle, "--json").out == (shared_bundle / REPORT).read_text()


def test_a_file_that_cannot_be_written(cli, shared_bundle, tmp_path):
    assert cli("report", shared_bundle, "--out", tmp_path / "no" / "r.md").is_one_error("cannot write")
