"""House rules that no linter knows: sizes, names, and what source code may not contain."""

import ast
import io
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ("service", "connectors")
MEASURED = (*SOURCE, "migrations", "benchmarks", "tests")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
VAGUE_NAMES = {"common", "helper", "helpers", "misc", "util", "utils"}
# Put together here, so that this file does not name them either.
REGISTRY_HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))]
SUPPRESSIONS = ("noqa", "type: ignore", "pyright:", "pragma: no cover", "ruff:")

Definition = ast.FunctionDef | ast.AsyncFunctionDef
# Of msgspec, what decodes into a type.
TYPED = {"msgspec.convert", "msgspec.json.decode", "msgspec.json.Decoder"}
MUTABLE_LITERALS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MUTABLE_CALLS = {"list", "dict", "set", "bytearray", "Counter", "OrderedDict", "defaultdict", "deque"}


@pytest.fixture(scope="module", autouse=True)
def parsed_once() -> Iterator[None]:
    """What these tests read is parsed once, and not kept for the others: the garbage collector would walk it."""
    yield
    for remembered in (tree, nodes, calls):
        remembered.cache_clear()


def modules(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(tree(path)))


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


@cache
def calls(path: Path) -> list[tuple[str, ast.Call]]:
    return [(ast.unparse(node.func), node) for node in nodes(path) if isinstance(node, ast.Call)]


def project_files() -> list[Path]:
    """Everything git tracks or would add."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in listing.split("\0") if name and (path := ROOT / name).is_file()]


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules(*MEASURED)}
    assert [where(path, length) for path, length in lengths.items() if length > MAX_FILE_LINES] == []


def test_functions_are_short() -> None:
    long = [
        f"{where(path, node.lineno)} {node.name}"
        for path in modules(*MEASURED)
        for node in nodes(path)
        if isinstance(node, Definition) and (node.end_lineno or node.lineno) - node.lineno >= MAX_FUNCTION_LINES
    ]
    assert long == []


def test_modules_are_named_after_what_they_hold() -> None:
    vague = [
        str(path.relative_to(ROOT))
        for path in modules(*MEASURED)
        if VAGUE_NAMES.intersection(part.strip("_") for part in path.relative_to(ROOT).with_suffix("").parts)
    ]
    assert vague == []


def renamings(module: ast.Module) -> Iterator[int]:
    """Lines that import what is TYPED, or a module on the way to it, under another name than its own."""
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names = {alias.name for alias in node.names if alias.asname}
        else:
            continue
        if any(f"{known}.".startswith(f"{name}.") for known in TYPED for name in names):
            yield node.lineno


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("import msgspec", False),
        ("import msgspec.json", False),
        ("from msgspec import Struct, field", False),
        ("import msgspec as m", True),
        ("import msgspec.json as m", True),
        ("from msgspec import convert", True),
        ("from msgspec import json", True),
        ("from msgspec.json import Decoder, encode", True),
        ("from msgspec.json import decode as read", True),
    ],
)
def test_renamings_are_seen(line: str, hidden: bool) -> None:
    assert bool(list(renamings(ast.parse(line)))) is hidden


def test_types_are_met_by_one_thread_at_a_time() -> None:
    """Two that were the first to decode into a Struct have crashed the process: connectors/decoding.py."""
    typed = [
        where(path, node.lineno)
        for path in modules(*SOURCE)
        if path != ROOT / "connectors/decoding.py"
        for name, node in calls(path)
        if name in TYPED and (name != "msgspec.json.decode" or len(node.args) > 1 or node.keywords)
    ]
    renamed = [where(path, line) for path in modules(*SOURCE) for line in renamings(tree(path))]
    assert typed + renamed == []


def test_nothing_sleeps() -> None:
    sleeping = [
        where(path, node.lineno) for path in modules(*SOURCE) for name, node in calls(path) if name == "time.sleep"
    ]
    assert sleeping == []


def test_only_the_command_line_prints() -> None:
    printing = [
        where(path, node.lineno)
        for path in modules(*SOURCE)
        if path.relative_to(ROOT).with_suffix("").parts[:2] != ("service", "cli")
        for name, node in calls(path)
        if name == "print"
    ]
    assert printing == []


def test_attributes_are_not_looked_up_by_literal() -> None:
    literal = [
        where(path, node.lineno)
        for path in modules(*SOURCE)
        for name, node in calls(path)
        if name == "getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant | ast.JoinedStr)
    ]
    assert literal == []


def is_dataclass(node: ast.ClassDef) -> bool:
    decorators = (each.func if isinstance(each, ast.Call) else each for each in node.decorator_list)
    return any(ast.unparse(each).rpartition(".")[2] == "dataclass" for each in decorators)


def is_beyond_structs(node: ast.ClassDef) -> bool:
    """Whether one of its fields is not compared, or the rest are given by name: a msgspec.Struct cannot say so."""
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    by_name = any(ast.unparse(each.annotation).rpartition(".")[2] == "KW_ONLY" for each in fields)
    return by_name or any(
        keyword.arg == "compare" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        for each in fields
        if isinstance(each.value, ast.Call) and ast.unparse(each.value.func).rpartition(".")[2] == "field"
        for keyword in each.value.keywords
    )


@pytest.mark.parametrize(
    ("field", "beyond"),
    [
        ("secret: str = field(default='', compare=False)", True),
        ("_: KW_ONLY", True),
        ("secret: str = field(default='', repr=False)", False),
        ("secret: str = field(default='', compare=True)", False),
        ("secret: str = 'compare=False'", False),
        ("secret: str = made(compare=False)", False),
        ("def made(self) -> str:\n        secret: str = field(compare=False)", False),
    ],
)
def test_fields_beyond_structs_are_told(field: str, beyond: bool) -> None:
    [node] = ast.parse(f'@dataclass(frozen=True)\nclass Value:\n    """Of compare=False."""\n\n    {field}\n').body
    assert isinstance(node, ast.ClassDef)
    assert is_dataclass(node)
    assert is_beyond_structs(node) is beyond


def test_values_are_quick_to_define() -> None:
    """As each process defines them anew: a dataclass compiles its methods, which takes fifty times as long."""
    plain = [
        f"{where(path, node.lineno)} {node.name}: make it a msgspec.Struct"
        for path in modules(*SOURCE)
        for node in nodes(path)
        if isinstance(node, ast.ClassDef) and is_dataclass(node) and not is_beyond_structs(node)
    ]
    assert plain == []


def test_no_checker_is_silenced() -> None:
    silenced = [
        f"{where(path, token.start[0])} {token.string}"
        for path in modules(*SOURCE)
        for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        if token.type == tokenize.COMMENT and any(word in token.string.lower() for word in SUPPRESSIONS)
    ]
    assert silenced == []


def is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).rpartition(".")[2] in MUTABLE_CALLS
    return isinstance(value, MUTABLE_LITERALS)


def mutable_names(module: ast.Module) -> Iterator[ast.Name]:
    """Module-level names that hold a container and are not spelled as constants."""
    for statement in module.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and is_mutable(statement.value):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names = [target for target in targets if isinstance(target, ast.Name)]
            yield from (name for name in names if not name.id.isupper() and name.id != "__all__")


def test_modules_hold_no_state() -> None:
    mutable = [
        f"{where(path, name.lineno)} {name.id}" for path in modules(*SOURCE) for name in mutable_names(tree(path))
    ]
    rebound = [
        where(path, node.lineno) for path in modules(*SOURCE) for node in nodes(path) if isinstance(node, ast.Global)
    ]
    assert mutable + rebound == []


def test_no_file_names_a_package_registry() -> None:
    naming = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in project_files()
        for host in REGISTRY_HOSTS
        if host.encode() in path.read_bytes()
    ]
    assert naming == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_pin_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert "://" not in text
    assert all("==" in pin for pin in pins)
    assert text.count("==") == len(pins)
    assert text.count("--hash=sha256:") >= len(pins)
