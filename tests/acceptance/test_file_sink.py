"""Records to a file first, to a catalogue later."""

import gzip
import json
from pathlib import Path
from typing import Any

from tests.acceptance.api import Api, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.processes import headwater
from tests.acceptance.sources import SERVICE, Source


def without_connection(contents: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a catalogue holds, but for how the service is reached: that holds secrets and is in no file."""
    service = dict(contents["services/databaseServices"][SERVICE])
    service.pop("connection", None)
    return {**contents, "services/databaseServices": {SERVICE: service}}


def test_a_replayed_file_gives_the_same_catalogue(
    api: Api, name: str, shop: Source, data_dir: Path, tmp_path: Path
) -> None:
    sink = {"type": "file", "config": {"filename": f"{name}.jsonl.gz"}}
    api.create(name, config_of(shop.connection(), sink=sink, options={"threads": 4}))
    run = api.until(api.start(name), "succeeded")
    file = data_dir / "files" / f"{name}.jsonl.gz"
    lines = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    assert len(lines) == run["counts"]["written"] == sum(map(len, shop.golden_names().values()))
    assert shop.password not in str(lines)

    with Catalogue() as replayed, Catalogue() as direct:
        definition = tmp_path / "definition.json"
        definition.write_text(json.dumps(config_of(shop.connection(), replayed)), encoding="utf-8")
        command = headwater("replay", file, "-c", definition)
        assert command.returncode == 0, command.stderr
        assert replayed.names() == shop.golden_names()
        api.create(f"{name}-direct", config_of(shop.connection(), direct))
        api.until(api.start(f"{name}-direct"), "succeeded")
        assert without_connection(replayed.contents()) == without_connection(direct.contents())


def test_a_file_is_whole_or_not_there(api: Api, name: str, shop: Source, data_dir: Path) -> None:
    sink = {"type": "file", "config": {"filename": f"{name}.jsonl"}}
    wrong = shop.connection(database="not_there")
    api.create(name, config_of(wrong, sink=sink))
    assert api.ended(api.start(name))["state"] == "failed"
    assert not (data_dir / "files" / f"{name}.jsonl").exists()


def test_a_broken_file_is_refused_before_anything_is_sent(shop: Source, catalogue: Catalogue, tmp_path: Path) -> None:
    file, definition = tmp_path / "records.jsonl", tmp_path / "definition.json"
    line = {"entity": "table", "collection": "tables", "fqn": "a.b.c.d", "request": {"name": "d"}}
    file.write_text(json.dumps(line) + "\n{broken\n", encoding="utf-8")
    definition.write_text(json.dumps(config_of(shop.connection(), catalogue)), encoding="utf-8")
    replayed = headwater("replay", file, "-c", definition)
    assert replayed.returncode == 2
    assert f"{file}:2" in replayed.stderr
    assert catalogue.entities("tables") == {}
