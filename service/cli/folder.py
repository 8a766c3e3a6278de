"""The workflows of a folder of files, as a repository keeps them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from connectors.errors import ConfigurationError
from service.cli.files import FORMATS, is_workflow, load
from service.workflows.documents import Json


class Definition(msgspec.Struct, frozen=True):
    """A workflow and where it stands."""

    path: Path
    name: str
    document: Json


def read_folder(place: Path, environ: Mapping[str, str]) -> tuple[list[Definition], list[ConfigurationError]]:
    """The workflows of a folder with those below it, or of one file, and what is wrong with the other files.

    Of a name that several files have, none is a workflow: nobody knows which is meant. Raises ConfigurationError when
    there is no file at all.
    """
    read: list[Definition] = []
    faults: list[ConfigurationError] = []
    for path in _files(place):
        try:
            read.append(_definition(path, environ))
        except ConfigurationError as error:
            faults.append(error)
    by_name: dict[str, list[Definition]] = {}
    for definition in read:
        by_name.setdefault(definition.name, []).append(definition)
    faults += [_several(same) for same in by_name.values() if len(same) > 1]
    return [same[0] for same in by_name.values() if len(same) == 1], faults


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    if not place.is_dir():
        raise ConfigurationError.at(str(place), "is neither a folder nor a file")
    files = sorted(path for path in place.rglob("*") if path.suffix in FORMATS and not _is_hidden(path, place))
    if not files:
        raise ConfigurationError.at(str(place), f"holds no file that ends in {', '.join(FORMATS)}")
    yield from files


def _is_hidden(path: Path, place: Path) -> bool:
    """A repository keeps its own things so, and Kubernetes the files that those of a ConfigMap lead to."""
    return any(part.startswith(".") for part in path.relative_to(place).parts)


def _definition(path: Path, environ: Mapping[str, str]) -> Definition:
    document = load(path, environ)
    name = document.get("name")
    if not isinstance(name, str) or not is_workflow(document):
        raise ConfigurationError.at(str(path), "is not a workflow; it needs the keys `name` and `config`")
    return Definition(path, name, document)


def _several(same: list[Definition]) -> ConfigurationError:
    first, *others = (str(definition.path) for definition in same)
    message = f"{same[0].name!r} is the name in {', '.join(others)} too; none of them was applied: give each its own"
    return ConfigurationError.at(f"{first}: name", message)
