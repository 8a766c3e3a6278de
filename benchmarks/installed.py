"""How much an installation of the core takes, and one to start: without what this environment has for development."""

import importlib.util
import marshal
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.running import ROOT, Installation, environment

OWN = ("service", "connectors", "migrations")
PYC_HEADER_BYTES = 16


def core_size() -> tuple[int, int]:
    """How many distributions Headwater is without an extra, and how many bytes they have with bytecode."""
    closure = sorted(_closure())
    files = {file for name in closure if name != "headwater" for file in _files(distribution(name))}
    files |= {file for package in OWN for file in (ROOT / package).rglob("*") if "__pycache__" not in file.parts}
    return len(closure), _bytes(file for file in files if file.is_file() and file.suffix != ".pyc")


def install(folder: Path, *extras: str) -> Installation:
    """An installation with these extras, in a new folder, as links to what is installed here.

    Tools for development change how long a start takes: httpx, for one, loads all of `rich` where it is installed.
    """
    folder.mkdir(mode=0o755)
    for name in _closure(*extras):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            (folder / top).symlink_to(Path(str(found.locate_file(top))))
    return Installation((sys.executable, "-S"), {**environment(), "PYTHONPATH": str(folder)})


def _closure(*wanted: str) -> set[str]:
    """The distributions that Headwater with these extras cannot be installed without, itself among them."""
    found: set[str] = set()
    todo: list[tuple[str, frozenset[str]]] = [("headwater", frozenset(wanted))]
    seen = set(todo)
    while todo:
        name, extras = todo.pop()
        found.add(name)
        for requirement in map(Requirement, distribution(name).requires or ()):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                needed = (canonicalize_name(requirement.name), frozenset(requirement.extras))
                if needed not in seen:
                    seen.add(needed)
                    todo.append(needed)
    return found


def _files(installed: Distribution) -> Iterator[Path]:
    for file in installed.files or ():
        yield Path(str(file.locate())).resolve()


def _bytes(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size + (_bytecode_bytes(file) if file.suffix == ".py" else 0) for file in files)


def _bytecode_bytes(file: Path) -> int:
    """The size of a module's bytecode, also where none was written."""
    cached = Path(importlib.util.cache_from_source(str(file)))
    if cached.is_file():
        return cached.stat().st_size
    try:
        code = compile(file.read_bytes(), file, "exec", dont_inherit=True)
    except SyntaxError:  # a template that is no module
        return 0
    return len(marshal.dumps(code)) + PYC_HEADER_BYTES
