"""Which files of this machine a definition may name."""

from pathlib import Path

import pytest

from connectors.source_files import EVERY_FILE, SourceFiles


@pytest.fixture
def folders(tmp_path: Path) -> SourceFiles:
    """Two folders that may be read, with a file beside them that may not, and links to it."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shop.db").touch()
    (tmp_path / "private.db").touch()
    (tmp_path / "one" / "link.db").symlink_to(tmp_path / "private.db")
    (tmp_path / "one" / "up").symlink_to(tmp_path)
    (tmp_path / "entrance").symlink_to(tmp_path / "two")
    return SourceFiles((tmp_path / "one", tmp_path / "entrance"))


@pytest.mark.parametrize(
    "path", ["one/shop.db", "two/shop.db", "entrance/shop.db", "one/up/two/shop.db", "one/not-there", "one/./a//b"]
)
def test_what_lies_below_a_folder_may_be_read(folders: SourceFiles, tmp_path: Path, path: str) -> None:
    folders.check(str(tmp_path / path))
    assert folders.place(str(tmp_path / path)).resolve() == (tmp_path / path).resolve()


def test_a_link_that_is_turned_elsewhere_does_not_move_a_place_that_was_looked_up(
    folders: SourceFiles, tmp_path: Path
) -> None:
    place = folders.place(str(tmp_path / "one" / "up" / "two" / "shop.db"))
    (tmp_path / "one" / "up").unlink()
    (tmp_path / "one" / "up").symlink_to("/")
    assert place.samefile(tmp_path / "two" / "shop.db")


def test_a_place_is_a_full_path(folders: SourceFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for files in (SourceFiles((Path("one"),)), folders):
        assert files.place("shop.db") == tmp_path / "one" / "shop.db"


@pytest.mark.parametrize(
    "path", ["private.db", "one/../private.db", "one/link.db", "one/up/private.db", "one-more/shop.db", "."]
)
def test_what_lies_elsewhere_may_not(folders: SourceFiles, tmp_path: Path, path: str) -> None:
    for ask in (folders.place, folders.check):
        with pytest.raises(ValueError, match=r"does not lie below .*HEADWATER_SOURCE_DIRS") as caught:
            ask(f"{tmp_path}/{path}")
        assert str(tmp_path / "one") in str(caught.value)


def test_what_cannot_be_followed_is_no_path(folders: SourceFiles, tmp_path: Path) -> None:
    (tmp_path / "one" / "circle").symlink_to(tmp_path / "one" / "circle")
    for path in ("circle", "\0"):
        for files in (folders, EVERY_FILE):
            with pytest.raises(ValueError, match="is not a path that can be followed"):
                files.place(str(tmp_path / "one" / path))


def test_what_begins_like_a_folder_and_goes_on_elsewhere_may_not(folders: SourceFiles, tmp_path: Path) -> None:
    for path in (f"{tmp_path}/one//../private.db", "up/private.db"):
        with pytest.raises(ValueError, match="does not lie below"):
            folders.place(path)
    twice = f"{tmp_path}/one/{tmp_path}/private.db"
    assert folders.place(twice) == tmp_path / "one" / str(tmp_path)[1:] / "private.db"


def test_a_relative_path_begins_at_the_first_folder(folders: SourceFiles, tmp_path: Path) -> None:
    assert folders.place("shop.db") == tmp_path / "one" / "shop.db"
    with pytest.raises(ValueError, match="does not lie below"):
        folders.place("../private.db")


def test_without_a_folder_nothing_may_be_read() -> None:
    with pytest.raises(ValueError, match="no folder at all"):
        SourceFiles(()).place("/shop.db")


def test_by_default_everything_may_be_read(tmp_path: Path) -> None:
    assert EVERY_FILE.place(str(tmp_path / "shop.db")) == tmp_path.resolve() / "shop.db"
