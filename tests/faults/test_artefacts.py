"""Whatever is wrong with a file of a model, it is refused and the version before goes on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ArtefactCorrupt
from engine.operations.models import ModelHolder
from engine.store import artefacts, versions
from engine.store.artefacts import Model
from engine.store.home import Home
from tests.api.planted import planted


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """v1, sound, and v2, the champion, which each test breaks in its own way."""
    home = Home(tmp_path_factory.mktemp("sound"))
    for version, seed in (("v1", 1), ("v2", 2)):
        artefacts.save(home, dataclasses.replace(planted("v", seed=seed), version=version))
    versions.promote(home, "v2")
    return home


@pytest.fixture
def home(sound: Home, tmp_path: Path) -> Home:
    shutil.copytree(sound.root, tmp_path / "home")
    return Home(tmp_path / "home")


def _serves(home: Home) -> tuple[str, list[str]]:
    alerts: list[str] = []
    holder = ModelHolder(
        home, check_seconds=1, clock=time.monotonic, alert=lambda version, _: alerts.append(version)
    )
    return holder.model().version, alerts


def _files(home: Home) -> list[Path]:
    return sorted((home.models / "v2").iterdir())


def _assert_refused(home: Home) -> None:
    with pytest.raises(ArtefactCorrupt):
        artefacts.open_model(home, "v2")
    assert _serves(home) == ("v1", ["v2"])


def _flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1 << (offset % 8)
    path.write_bytes(content)


def _rewrite_manifest(home: Home, name: str) -> None:
    """Makes the manifest agree with a file that was changed: only its content can betray it."""
    folder = home.models / "v2"
    manifest = json.loads((folder / "manifest.json").read_text())
    content = (folder / name).read_bytes()
    manifest["files"].setdefault(name, {"shape": [1], "dtype": "object"})
    manifest["files"][name] |= {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_sound_champion_is_served(home: Home) -> None:
    assert _serves(home) == ("v2", [])


def test_a_flipped_bit_in_any_file_is_refused(home: Home) -> None:
    for path in _files(home):
        if path.name == "manifest.json":
            continue
        before = path.read_bytes()
        for offset in {0, len(before) // 2, len(before) - 1}:
            _flip(path, offset)
            with pytest.raises(ArtefactCorrupt):
                artefacts.verify(home, "v2")
            path.write_bytes(before)
    _flip(home.models / "v2" / "embeddings.npy", 200)
    _assert_refused(home)


@pytest.mark.slow
def test_a_thousand_flips_and_a_hundred_cuts_are_all_refused(home: Home) -> None:
    random = np.random.default_rng(7)
    files = [path for path in _files(home) if path.name != "manifest.json"]
    for number in range(1100):
        path = files[random.integers(len(files))]
        before = path.read_bytes()
        if number < 1000:
            _flip(path, int(random.integers(len(before))))
        else:
            path.write_bytes(before[: random.integers(len(before))])
        with pytest.raises(ArtefactCorrupt):
            artefacts.open_model(home, "v2")
        path.write_bytes(before)
    assert artefacts.open_model(home).version == "v2"


def _cut(home: Home) -> None:
    path = home.models / "v2" / "embeddings.npy"
    path.write_bytes(path.read_bytes()[:-1])


def _empty(home: Home) -> None:
    (home.models / "v2" / "users.arrow").write_bytes(b"")


def _lengthen(home: Home) -> None:
    with (home.models / "v2" / "best.arrow").open("ab") as file:
        file.write(b"\0")


def _remove(home: Home) -> None:
    (home.models / "v2" / "interest_products.npy").unlink()


def _add(home: Home) -> None:
    (home.models / "v2" / "more.npy").write_bytes(b"")


def _swap_two(home: Home) -> None:
    one, other = (home.models / "v2" / f"{n}_products.npy" for n in ("interest", "probability"))
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)


def _swap_versions(home: Home) -> None:
    shutil.copy(
        home.models / "v1" / "interest_user_terms.npy",
        home.models / "v2" / "interest_user_terms.npy",
    )


def _folder_of_another(home: Home) -> None:
    shutil.rmtree(home.models / "v2")
    shutil.copytree(home.models / "v1", home.models / "v2")


def _no_manifest(home: Home) -> None:
    (home.models / "v2" / "manifest.json").write_text("")


def _manifest_is_a_list(home: Home) -> None:
    (home.models / "v2" / "manifest.json").write_text("[]")


def _manifest_lacks_fields(home: Home) -> None:
    (home.models / "v2" / "manifest.json").write_text('{"version": "v2", "files": {"a": {}}}')


def _manifest_is_deep(home: Home) -> None:
    (home.models / "v2" / "manifest.json").write_text("[" * 100_000)


def _garbage_table(home: Home) -> None:
    (home.models / "v2" / "users.arrow").write_bytes(b"ARROW1" + bytes(200) + b"ARROW1")
    _rewrite_manifest(home, "users.arrow")


def _other_shape(home: Home) -> None:
    np.save(home.models / "v2" / "embeddings.npy", np.zeros((600, 5), np.float32))
    _rewrite_manifest(home, "embeddings.npy")


def _other_number_of_users(home: Home) -> None:
    shorter = planted("v", seed=2).users.head(599)
    path = home.models / "v2" / "users.arrow"
    shorter.rechunk().write_ipc(path, compression="uncompressed", record_batch_size=599)
    _rewrite_manifest(home, "users.arrow")


def _alter_seen(home: Home, name: str, alter: Callable[[np.ndarray], np.ndarray]) -> None:
    """The manifest agrees with the array: only what it says of users and products is wrong."""
    path = home.models / "v2" / f"{name}.npy"
    array = alter(np.load(path))
    np.save(path, array)
    _rewrite_manifest(home, path.name)
    manifest = json.loads((home.models / "v2" / "manifest.json").read_text())
    manifest["files"][path.name] |= {"shape": list(array.shape), "dtype": str(array.dtype)}
    (home.models / "v2" / "manifest.json").write_text(json.dumps(manifest))


def _seen_users_cut(home: Home) -> None:
    _alter_seen(home, "seen_users", lambda users: users[:-1])


def _seen_user_unknown(home: Home) -> None:
    _alter_seen(home, "seen_users", lambda users: np.append(users[:-1], np.uint32(600)))


def _seen_users_fall(home: Home) -> None:
    _alter_seen(home, "seen_users", lambda users: np.append(users[[1, 0]], users[2:]))


def _seen_user_twice(home: Home) -> None:
    _alter_seen(home, "seen_users", lambda users: np.append(users[[0, 0]], users[2:]))


def _seen_offsets_cut(home: Home) -> None:
    _alter_seen(home, "seen_offsets", lambda offsets: offsets[:-1])


def _seen_offsets_fall(home: Home) -> None:
    _alter_seen(home, "seen_offsets", lambda offsets: offsets[[0, 2, 1, *range(3, offsets.size)]])


def _seen_offsets_begin_late(home: Home) -> None:
    _alter_seen(home, "seen_offsets", lambda offsets: np.append([1], offsets[1:]))


def test_altered_arrays_that_stay_sound_are_served(home: Home) -> None:
    _alter_seen(home, "seen_users", np.array)
    assert _serves(home) == ("v2", [])


@pytest.mark.parametrize(
    "fault",
    [
        _seen_users_cut,
        _seen_user_unknown,
        _seen_users_fall,
        _seen_user_twice,
        _seen_offsets_cut,
        _seen_offsets_fall,
        _seen_offsets_begin_late,
        _cut,
        _empty,
        _lengthen,
        _remove,
        _add,
        _swap_two,
        _swap_versions,
        _folder_of_another,
        _no_manifest,
        _manifest_is_a_list,
        _manifest_lacks_fields,
        _manifest_is_deep,
        _garbage_table,
        _other_shape,
        _other_number_of_users,
    ],
    ids=lambda fault: fault.__name__.strip("_"),
)
def test_a_broken_champion_is_refused(home: Home, fault: Callable[[Home], None]) -> None:
    fault(home)
    _assert_refused(home)


class _Canary:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_pickle_inside_an_array_is_never_run(home: Home, tmp_path: Path) -> None:
    canary = tmp_path / "ran"
    for name in ("embeddings.npy", "folding_weights.npy"):
        np.save(
            home.models / "v2" / name, np.array([_Canary(canary)], dtype=object), allow_pickle=True
        )
        _rewrite_manifest(home, name)
        _assert_refused(home)
    assert not canary.exists()


def test_a_pickle_in_place_of_an_array_is_never_run(home: Home, tmp_path: Path) -> None:
    canary = tmp_path / "ran"
    (home.models / "v2" / "embeddings.npy").write_bytes(pickle.dumps(_Canary(canary)))
    _rewrite_manifest(home, "embeddings.npy")
    _assert_refused(home)
    assert not canary.exists()


def test_acts_of_users_who_are_not_there_are_not_saved(tmp_path: Path) -> None:
    sound = planted("v")
    users = np.append(sound.seen.users[:-1], np.uint32(sound.users.height))
    model = dataclasses.replace(
        sound, version="v3", seen=dataclasses.replace(sound.seen, users=users)
    )
    with pytest.raises(ArtefactCorrupt, match="seen_users"):
        artefacts.save(Home(tmp_path), model)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2.4e38, 1.1e6])
@pytest.mark.parametrize("name", ["embeddings", "interest", "probability"])
def test_a_fit_that_diverged_is_not_saved(tmp_path: Path, value: float, name: str) -> None:
    model = dataclasses.replace(planted("v"), version="v3")
    home = Home(tmp_path)
    with pytest.raises(ArtefactCorrupt):
        artefacts.save(home, _spoiled(model, name, value))
    assert versions.versions(home) == []
    assert list(home.models.iterdir()) == []


def _spoiled(model: Model, name: str, value: float) -> Model:
    if name == "embeddings":
        embeddings = model.embeddings.copy()
        embeddings[3, 1] = value
        return dataclasses.replace(model, embeddings=embeddings)
    head = getattr(model, name)
    products = head.products.copy()
    products[0, 0] = value
    return dataclasses.replace(model, **{name: dataclasses.replace(head, products=products)})


def test_arrays_that_do_not_fit_their_tables_are_not_saved(tmp_path: Path) -> None:
    model = dataclasses.replace(planted("v"), version="v3", users=planted("v").users.head(7))
    with pytest.raises(ArtefactCorrupt):
        artefacts.save(Home(tmp_path), model)


def test_checking_a_file_takes_little_more_than_its_hash(home: Home) -> None:
    """About a second for a gigabyte; processors differ, so their own pace is the measure."""
    path, content = home.models / "v2" / "embeddings.npy", bytes(1 << 27)
    path.write_bytes(content)
    spent = []
    for work in (lambda: hashlib.sha256(content), lambda: artefacts._digest(path)) * 2:
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    assert min(spent[1::2]) < 3 * max(spent[::2])
