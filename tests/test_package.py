import ast
from importlib.metadata import version
from pathlib import Path

import pytest

import neurofer

PACKAGE = Path(neurofer.__file__).parent


@pytest.mark.parametrize("name", neurofer.__all__)
def test_every_public_name_resolves_to_the_object_of_that_name(name):
    value = getattr(neurofer, name)
    assert value.__name__ == name
    assert value.__module__.startswith("neurofer.")


def test_public_names_are_few_sorted_and_no_room():
    rooms = {path.stem for path in PACKAGE.iterdir()}
    assert len(neurofer.__all__) <= 15
    assert list(neurofer.__all__) == sorted(neurofer.__all__)
    assert not rooms & set(neurofer.__all__), "importing the room would replace the public name"


def test_lazy_names_are_those_the_type_checker_sees():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == neurofer._HOMES
    assert set(seen) == set(neurofer.__all__)


def test_unknown_name_says_which_there_are():
    with pytest.raises(AttributeError, match=r"no public name 'Nonsense'; it has Contract, "):
        _ = neurofer.Nonsense
    assert set(neurofer.__all__) <= set(dir(neurofer))


def test_installed_version_is_the_package_version():
    assert version("neurofer") == neurofer.__version__
