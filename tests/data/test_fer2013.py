import csv
import hashlib

import numpy as np
import pytest
from PIL import Image

from neurofer import resources
from neurofer.cli import execute
from neurofer.data import DataSpec, fer2013, load
from neurofer.data.copies import find_copies
from neurofer.errors import ReadError, UsageError
from neurofer.train.recipe import load_recipe

SPEC = load_recipe("conv-snn").data
PLUS = load_recipe("conv-snn-ferplus").data
N = 42
IMAGES = np.random.default_rng(3).integers(0, 256, (N, 48, 48), dtype=np.uint8)
LABELS = np.arange(N) % 7
USAGE = np.sort(np.arange(N) % 3)
COLUMNS = (*fer2013.EMOTIONS_PLUS, "unknown", "NF")


def write_csv(path, images=IMAGES, labels=LABELS, usage=USAGE, header="emotion,pixels,Usage"):
    rows = (
        f"{label},{' '.join(map(str, image.ravel().tolist()))},{fer2013.PARTS[part]}\n"
        for image, label, part in zip(images, labels, usage, strict=True)
    )
    with path.open("w", newline="") as stream:
        stream.write(f"{header}\n")
        stream.writelines(rows)
    return path


def write_mosaic(folder):
    tiles = np.zeros((6 * 8, 48, 48), np.uint8)
    tiles[:N] = IMAGES
    Image.fromarray(tiles.reshape(6, 8, 48, 48).transpose(0, 2, 1, 3).reshape(288, 384)).save(folder / "images_6x8.png")
    np.savez(folder / "labels.npz", labels=LABELS.astype(np.uint8), usage=USAGE.astype(np.uint8))
    return folder


def write_classes(folder, parts=("Training", "PublicTest", "PrivateTest"), name="{}.png"):
    for index, (image, label, part) in enumerate(zip(IMAGES, LABELS, USAGE, strict=True)):
        path = folder / parts[part] / fer2013.EMOTIONS[label] / name.format(index, part=fer2013.PARTS[part])
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


def write_votes(folder, votes, usage=USAGE, name="fer2013new.csv"):
    with (folder / name).open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["Usage", "Image name", *COLUMNS])
        rows.writerows([fer2013.PARTS[part], "", *vote] for part, vote in zip(usage, votes, strict=True))


def write_labelled(folder, votes):
    """Like `generate_training_data.py`: fer0000000.png by its row in the csv file, and none for every tenth."""
    for index, (image, part, vote) in enumerate(zip(IMAGES, USAGE, votes, strict=True)):
        place = folder / f"FER2013{('Train', 'Valid', 'Test')[part]}"
        place.mkdir(parents=True, exist_ok=True)
        if index % 10 == 9:
            continue
        Image.fromarray(image).save(place / f"fer{index:07}.png")
        with (place / "label.csv").open("a", newline="") as stream:
            csv.writer(stream).writerow([f"fer{index:07}.png", "(0, 0, 48, 48)", *vote])
    return folder


def same(data, other):
    return data.fingerprint() == other.fingerprint()


def test_every_form_gives_the_same_images(tmp_path):
    table = load(SPEC, write_csv(tmp_path / "fer.csv"))
    assert [len(part.y) for part in (table.train, table.validation, table.test)] == [14, 14, 14]
    assert table.train.x.dtype == np.float32
    assert np.array_equal(table.test.x, (IMAGES[28:, None] / 255).astype(np.float32))
    assert np.array_equal(table.validation.y, LABELS[14:28])
    for name in ("mosaic", "folder", "padded"):
        (tmp_path / name).mkdir()
    assert same(load(SPEC, write_mosaic(tmp_path / "mosaic")), table)
    write_csv(tmp_path / "folder" / "fer2013.csv")
    assert same(load(SPEC, tmp_path / "folder"), table)
    write_csv(tmp_path / "padded" / "icml_face_data.csv", header="emotion, pixels, Usage")
    assert same(load(SPEC, tmp_path / "padded"), table)


def test_folders_of_classes_give_the_same_images_class_by_class(tmp_path):
    faces = fer2013.read_faces(write_classes(tmp_path))
    assert len(faces) == N
    assert fer2013.class_counts(faces)["fear"] == dict.fromkeys(fer2013.PARTS, 2)
    key = {image.tobytes(): (label, part) for image, label, part in zip(IMAGES, LABELS, USAGE, strict=True)}
    for image, label, part in zip(faces.images, faces.labels, faces.usage, strict=True):
        assert key[image.tobytes()] == (label, part)


def test_kaggles_file_names_tell_public_from_private(tmp_path):
    folder = write_classes(tmp_path, parts=("train", "test", "test"), name="{part}_{}.png")
    assert np.bincount(fer2013.read_faces(folder).usage).tolist() == [14, 14, 14]


def test_without_publictest_every_tenth_training_image_validates(tmp_path):
    images = np.random.default_rng(5).integers(0, 256, (150, 48, 48), dtype=np.uint8)
    path = write_csv(tmp_path / "a.csv", images, np.arange(150) % 7, np.where(np.arange(150) < 140, 0, 2))
    data = load(SPEC, path)
    assert [len(part.y) for part in (data.train, data.validation, data.test)] == [126, 14, 10]
    assert np.bincount(data.validation.y).tolist() == [2] * 7


def test_an_npz_file_still_is_the_users_own(tmp_path):
    np.savez(tmp_path / "own.npz", x=IMAGES, y=LABELS)
    assert load(SPEC, tmp_path / "own.npz").name == "own.npz"


def test_the_two_rules_of_ferplus(tmp_path):
    write_csv(tmp_path / "fer2013.csv")
    votes = np.zeros((N, 10), int)
    votes[:, 0] = 10
    votes[0] = [0, 5, 5, 0, 0, 0, 0, 0, 0, 0]  # the first of equals; no majority
    votes[1] = [0, 0, 5, 1, 1, 1, 1, 1, 0, 0]  # a majority once single votes are left out
    votes[2] = [0, 0, 0, 4, 0, 0, 3, 0, 3, 0]  # most, but not more than half
    votes[3] = [3, 0, 0, 0, 0, 0, 0, 0, 7, 0]  # unknown
    votes[4] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]  # no face
    write_votes(tmp_path, votes)
    most = fer2013.read_faces(tmp_path, "argmax")
    assert len(most) == N - 2
    assert most.labels[:4].tolist() == [1, 2, 3, 0]
    assert np.array_equal(most.images[3], IMAGES[5])
    more_than_half = fer2013.read_faces(tmp_path, "majority")
    assert len(more_than_half) == N - 4
    assert more_than_half.labels[0] == 2
    assert len(load(PLUS, tmp_path).train.y) == 12


def fault(old, new):
    def write(folder):
        text = write_csv(folder / "fer2013.csv", IMAGES[:3], [0, 1, 2], [0, 1, 2]).read_text()
        (folder / "fer2013.csv").write_text(text.replace(old, new, 1))

    return write


def truncated_mosaic(folder):
    path = write_mosaic(folder) / "images_6x8.png"
    path.write_bytes(path.read_bytes()[:20_000])


@pytest.mark.parametrize("rule", ["argmax", "majority"])
def test_the_folders_of_ferplus_are_its_table_without_those_who_have_no_picture(tmp_path, rule):
    votes = np.random.default_rng(5).integers(0, 4, (N, 10))
    votes[0], votes[12] = [9, 0, 0, 0, 0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0, 8, 0, 0]
    found = fer2013.read_faces(write_labelled(tmp_path / "folders", votes), rule)
    write_csv(tmp_path / "fer2013.csv")
    named = np.arange(N) % 10 != 9
    images = fer2013.Faces(IMAGES[named], LABELS[named], USAGE[named])
    expected = fer2013.ferplus.relabel(images, votes[named], rule)
    assert 2 <= len(found) == len(expected)
    for name in ("images", "labels", "usage"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.names == expected.names


def no_picture(folder):
    (folder / "FER2013Valid" / "fer0000020.png").unlink()


def short_row(folder):
    (folder / "FER2013Test" / "label.csv").write_text('fer0000040.png,"(0, 0, 48, 48)",1,2,3\n')


def words_for_votes(folder):
    (folder / "FER2013Train" / "label.csv").write_text('fer0000000.png,"(0, 0, 48, 48)",many,0,0,0,0,0,0,0,0,0\n')


def no_part(folder):
    (folder / "FER2013Valid" / "label.csv").unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (no_picture, ["FER2013Valid/fer0000020.png", "No such file"]),
        (short_row, ["FER2013Test/label.csv line 1", "expected a name, a frame and 10 counts"]),
        (words_for_votes, ["FER2013Train/label.csv line 1", "many"]),
        (no_part, ["FER2013Valid/label.csv", "no such file"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_damaged_folders_of_ferplus_are_one_read_error(tmp_path, damage, words):
    damage(write_labelled(tmp_path, np.ones((N, 10), int)))
    with pytest.raises(ReadError) as error:
        load(PLUS, tmp_path)
    for word in words:
        assert word in str(error.value)


def truncated_picture(folder):
    path = write_classes(folder) / "PublicTest" / "sad" / "18.png"
    path.write_bytes(path.read_bytes()[:1000])


def large_picture(folder):
    Image.new("L", (49, 48)).save(write_classes(folder) / "Training" / "sad" / "x.png")


def votes_for(votes, usage):
    def write(folder):
        write_csv(folder / "fer2013.csv")
        write_votes(folder, votes, usage)

    return write


PIXELS = " ".join(map(str, IMAGES[1].ravel().tolist()))
TENS = np.tile([10, 0, 0, 0, 0, 0, 0, 0, 0, 0], (N, 1))


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda folder: (folder / "notes").mkdir(), ["does not hold FER2013", "fer2013.csv"]),
        (lambda folder: (folder / "train").mkdir(), ["hold no .png or .jpg"]),
        (lambda folder: (folder / "fer2013.csv").write_bytes(b""), ["emotion: no such column", "holds nothing"]),
        (lambda folder: (folder / "fer2013.csv").write_bytes(b"\x89PNG\xff"), ["no complete csv"]),
        (lambda folder: (folder / "fer2013.csv").write_text("emotion,pixels,Usage\n"), ["no image"]),
        (fault("Usage", "Use"), ["Usage: no such column", "it holds emotion, pixels, Use"]),
        (fault(PIXELS, PIXELS[: PIXELS.rindex(" ")]), ["line 3: 2303 pixels, expected 48 x 48 = 2304"]),
        (fault(PIXELS, f"{PIXELS}x"), ["line 3: pixels that are no whole numbers"]),
        (fault(PIXELS, f"256{PIXELS[PIXELS.index(' ') :]}"), ["line 3: pixels from 0 to 256"]),
        (fault("\n1,", "\n7,"), ["line 3: emotion '7', expected 0 to 6"]),
        (fault(",PublicTest", ""), ["line 3: Usage ''"]),
        (fault(",PrivateTest", ",PublicTest"), ["no image for PrivateTest"]),
        (truncated_mosaic, ["mosaic cannot be read", "images_6x8.png", "damaged"]),
        (lambda folder: (write_mosaic(folder) / "labels.npz").unlink(), ["labels.npz", "no such file"]),
        (lambda folder: np.savez(write_mosaic(folder) / "labels.npz", labels=LABELS), ["usage: no such array"]),
        (
            lambda folder: np.savez(write_mosaic(folder) / "labels.npz", labels=LABELS + 1, usage=USAGE * 0.5),
            ["labels: values [7], expected 0 to 6", "usage: float64 [42], expected integers"],
        ),
        (lambda folder: np.savez(write_mosaic(folder) / "labels.npz", labels=LABELS, usage=USAGE[1:]), ["41 usages"]),
        (lambda folder: (write_mosaic(folder) / "images_6x8.png").rename(folder / "images_7x8.png"), ["expected 336"]),
        (lambda folder: (write_mosaic(folder) / "images_6x8.png").unlink(), ["0 mosaics, expected one"]),
        (truncated_picture, ["PublicTest/sad/18.png: damaged"]),
        (large_picture, ["Training/sad/x.png: 48 x 49 pixels, expected 48 x 48"]),
        (lambda folder: (write_classes(folder) / "Training" / "bored").mkdir(), ["Training/bored: no class"]),
    ],
)
def test_what_is_damaged_is_one_read_error(tmp_path, write, words):
    write(tmp_path)
    with pytest.raises(ReadError) as error:
        load(SPEC, tmp_path)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda folder: write_csv(folder / "fer2013.csv"), ["file of its votes", "fer2013new.csv"]),
        (votes_for(TENS[1:], USAGE[1:]), ["Usage 'PublicTest', the image's is Training"]),
        (votes_for(TENS[:-1], USAGE[:-1]), ["41 rows of votes for 42 images"]),
        (votes_for(-TENS, USAGE), ["line 2: votes -10,0", "and: 34 more of the kind"]),
    ],
)
def test_votes_of_other_images_are_one_read_error(tmp_path, write, words):
    write(tmp_path)
    with pytest.raises(ReadError) as error:
        load(PLUS, tmp_path)
    for word in words:
        assert word in str(error.value)


def test_what_cannot_be_asked_for_says_why(tmp_path):
    with pytest.raises(ReadError, match="no such file"):
        load(SPEC, tmp_path / "absent.csv")
    with pytest.raises(UsageError, match=r"fer2013 is 7 classes of shape \(1, 48, 48\), not 8"):
        load(DataSpec(name="fer2013", shape=(1, 48, 48), classes=8), tmp_path)
    with pytest.raises(UsageError, match=r"order of fer2013.csv, which folders of classes have lost"):
        load(PLUS, write_classes(tmp_path))
    with pytest.raises(UsageError, match=r"hold the votes of FER\+, not the labels of FER2013"):
        load(SPEC, write_labelled(tmp_path / "plus", np.ones((N, 10), int)))
    with pytest.raises(UsageError, match=r"pass --data PATH of FER2013, its csv file or folder, or --data FILE\.npz"):
        load(SPEC)


def test_training_takes_a_path_and_reports_the_copies(tmp_path, capsys):
    images = IMAGES.copy()
    images[[30, 31]] = images[[0, 1]]
    recipe = (resources.folder("models") / "conv-snn.toml").read_text()
    recipe = recipe.replace("channels = 128", "channels = 2").replace("[1152, 128]", "[4, 4]")
    (tmp_path / "small.toml").write_text(recipe)
    path = write_csv(tmp_path / "faces.csv", images)
    out = tmp_path / "small.safetensors"
    code = execute(["train", f"{tmp_path / 'small.toml'}", f"--data={path}", f"--out={out}", "--epochs=1"])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert "14 to train, 14 to validate, 14 to test" in said.err
    assert "2 of the test samples are exact copies of training samples" in said.err
    assert out.exists()


@pytest.fixture(scope="module")
def faces(shared):
    return fer2013.read_faces(shared / "data" / "fer2013")


def test_fer2013_has_the_papers_counts(faces):
    counts = fer2013.class_counts(faces)
    assert np.bincount(faces.usage).tolist() == [28_709, 3_589, 3_589]
    assert [sum(parts.values()) for parts in counts.values()] == [4953, 547, 5121, 8989, 6077, 4002, 6198]
    assert [parts["Training"] for parts in counts.values()] == [3995, 436, 4097, 7215, 4830, 3171, 4965]


@pytest.mark.parametrize(("rule", "counts"), [("argmax", [28_389, 3_553, 3_546]), ("majority", [25_060, 3_199, 3_153])])
def test_ferplus_keeps_what_the_papers_keep(shared, rule, counts):
    found = fer2013.read_faces(shared / "data" / "fer2013", rule)
    assert np.bincount(found.usage).tolist() == counts
    assert len(found) == {"argmax": 35_488, "majority": 31_412}[rule]


def test_568_of_7178_test_images_stand_in_train(shared):
    path = shared / "data" / "fer2013"
    data = load(SPEC, path)
    copies = find_copies(data)
    assert len(data.validation.y) + len(data.test.y) == 7_178
    assert int(copies.validation.sum() + copies.test.sum()) == 568
    assert (int(copies.test.sum()), int(copies.test_of_validation.sum())) == (288, 44)


@pytest.mark.slow
def test_the_csv_written_from_the_mosaic_is_the_published_one(faces, tmp_path):
    path = write_csv(tmp_path / "fer2013.csv", faces.images, faces.labels, faces.usage)
    assert hashlib.md5(path.read_bytes()).hexdigest() == "f8428a1edbd21e88f42c73edd2a14f95"  # noqa: S324  # torchvision's constant
    found = fer2013.read_faces(path)
    for name in ("images", "labels", "usage"):
        assert np.array_equal(getattr(found, name), getattr(faces, name))
