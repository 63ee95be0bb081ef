import msgspec
import pytest
import torch
from safetensors.torch import load_file, save_file

from neurofer.errors import ReadError, WriteError
from neurofer.train.checkpoint import load_checkpoint, save_checkpoint, write_tensors
from neurofer.train.networks import build_network
from neurofer.train.recipe import load_recipe


@pytest.fixture
def saved(small, tmp_path):
    return save_checkpoint(tmp_path / "runs" / "net.safetensors", build_network(small, seed=7), small, {"a": 0.5})


def metadata(path):
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return file.metadata()


@pytest.mark.parametrize("which", ["network", "baseline"])
def test_a_loaded_network_is_the_saved_one(small, tmp_path, which):
    network = build_network(small, which=which, seed=7)
    path = save_checkpoint(tmp_path / "net.safetensors", network, small, {"accuracy": 0.9}, which=which)
    loaded, recipe, metrics = load_checkpoint(path)
    assert recipe == small
    assert metrics == {"accuracy": 0.9, "which": which, "version": metrics["version"]}
    assert metrics["version"]
    assert type(loaded) is type(network)
    assert not loaded.training
    state = network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in loaded.state_dict().items())


def test_only_the_checkpoint_is_left_behind(saved):
    assert [path.name for path in saved.parent.iterdir()] == ["net.safetensors"]


@pytest.mark.parametrize("keep", [0, 4, 100, -8])
def test_a_truncated_file_is_a_read_error(saved, keep):
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(ReadError, match=r"net\.safetensors: this is no complete safetensors file"):
        load_checkpoint(saved)


def test_a_missing_file_and_a_folder_are_read_errors(tmp_path):
    for path in (tmp_path / "absent.safetensors", tmp_path):
        with pytest.raises(ReadError, match="no such checkpoint"):
            load_checkpoint(path)


def test_the_weights_of_others_are_refused(tmp_path):
    save_file({"w": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ReadError, match="not one of neurofer's"):
        load_checkpoint(tmp_path / "other.safetensors")


def test_all_weights_that_do_not_fit_are_named(saved):
    tensors, about = load_file(saved), metadata(saved)
    tensors["fc1.weight"] = tensors["fc1.weight"][:3]
    tensors["fc2.weight"][0, 0] = torch.nan
    tensors["fc9.weight"] = tensors.pop("fc3.weight")
    save_file(tensors, saved, metadata=about)
    with pytest.raises(ReadError) as error:
        load_checkpoint(saved)
    assert [(problem.where, problem.why) for problem in error.value.problems] == [
        ("fc9.weight", "no such weight in the network"),
        ("fc1.weight", "shape [3, 64], the network has [64, 64]"),
        ("fc2.weight", "holds values that are not finite"),
        ("fc3.weight", "missing in the file"),
    ]


@pytest.mark.parametrize(
    "damage",
    [
        lambda about: about.pop("recipe"),
        lambda about: about.update(which="neither"),
        lambda about: about["recipe"].update(colour=1),
        lambda about: about["recipe"]["network"].update(architecture="alexnet"),
        lambda about: about["recipe"]["network"]["options"].update(colour=1),
    ],
)
def test_damaged_metadata_is_a_read_error(saved, damage):
    about = msgspec.json.decode(metadata(saved)["neurofer"])
    damage(about)
    save_file(load_file(saved), saved, metadata={"neurofer": msgspec.json.encode(about).decode()})
    with pytest.raises(ReadError, match="metadata is damaged"):
        load_checkpoint(saved)


def test_a_failed_write_leaves_the_older_file_whole(saved):
    before = saved.read_bytes()

    def fail(draft):
        with open(draft, "w") as file:  # noqa: PTH123 - it is given a name
            file.write("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(WriteError, match="No space left"):
        write_tensors(saved, fail)
    assert saved.read_bytes() == before
    assert len(list(saved.parent.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_a_write_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot write"):
        save_checkpoint(tmp_path / "file" / "net.safetensors", torch.nn.Linear(1, 1), load_recipe("digits"), {})
