from neurofer.backends.targets import target_names
from tests.test_import_cost import heavy_imports

LIST = "import sys; sys.argv[1:] = ['targets']; from neurofer.cli import main; main()"


def test_the_list_names_every_target_and_what_is_installed(cli):
    result = cli("targets")
    assert result.code == 0
    assert all(name in result.out for name in target_names())
    assert "norse 1." in result.out


def test_one_target_tells_its_limits_and_the_next_command(cli):
    result = cli("targets", "onnx")
    assert "limit" in result.out
    assert "next: neurofer export NETWORK --to onnx" in result.out
    assert "2 GB" in result.out


def test_json_is_one_document(cli):
    document = cli("targets", "--json").json()
    assert document["schema"] == "neurofer.targets/1"
    assert [target["name"] for target in document["targets"]] == list(target_names())
    assert "matrix" not in document
    norse = next(target for target in document["targets"] if target["name"] == "norse")
    assert norse["options"]["dt"] == 1e-3
    assert norse["installed"]["norse"]


def test_the_matrix_has_a_column_per_importer(cli):
    document = cli("targets", "norse", "--matrix", "--json").json()
    assert [(c["target"], c["importer"]) for c in document["matrix"]] == [("norse", "neurofer"), ("norse", "stock")]
    assert "recurrent" in cli("targets", "norse", "--matrix").out


def test_markdown_is_only_the_table(cli):
    lines = cli("targets", "--markdown").out.splitlines()
    assert lines[1].startswith("| --- |")
    assert all(line.startswith("| ") for line in lines)


def test_an_unknown_target_names_the_known_ones(cli):
    assert cli("targets", "loihi").is_one_error("loihi", *target_names())


def test_the_list_imports_no_framework():
    assert not heavy_imports(LIST)
    assert "torch" in heavy_imports(LIST.replace("['targets']", "['targets', '--matrix']"))
