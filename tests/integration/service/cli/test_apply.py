"""`headwater apply`: a folder of definitions becomes what a service has."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from service.api.dependencies import Services
from service.api.middleware import App, Receive, Scope, Send
from service.api.router import build_api
from service.database.engine import Database
from tests.fake_openmetadata.server import FakeOpenMetadata
from tests.integration.service.api.serving import services_on, serving
from tests.integration.service.cli.conftest import Call, definition

TEAM = {"team": "data"}


class Interrupted:
    """The real app behind something that answers for it as often as it is told to, then no more."""

    def __init__(self, app: App, status: int, times: int, method: str = "PUT") -> None:
        self._app = app
        self._status = status
        self._method = method
        self.times = times

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope.get("method") != self._method or self.times <= 0:
            await self._app(scope, receive, send)
            return
        self.times -= 1
        headers = [(b"retry-after", b"0"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def services(database: Database) -> Services:
    """A service's."""
    return services_on(database)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where definitions are kept."""
    made = tmp_path / "workflows"
    made.mkdir()
    return made


def write(path: Path, name: str | None = None, **fields: Any) -> Path:
    """A workflow in a file; its name is the file's unless it has another."""
    path.parent.mkdir(exist_ok=True)
    config = yaml.safe_load(definition(path.parents[1], name="config.txt").read_text())
    config["sink"]["config"]["filename"] = "below-the-services-folder.jsonl"
    path.write_text(json.dumps({"name": name or path.stem, "config": config, **fields}))
    return path


def names(url: str) -> list[str]:
    """The workflows that a service has."""
    return [one["name"] for one in httpx.get(f"{url}/api/v1/workflows").raise_for_status().json()["data"]]


def test_each_workflow_is_created_or_updated_or_refused(call: Call, folder: Path, services: Services) -> None:
    write(folder / "a.json")
    write(folder / "b.json", colour=1)
    write(folder / "c.json")
    with serving(build_api(services)) as url:
        said = call("apply", "-f", folder, "--url", url)
        assert said.code == 2
        assert said.out == f"{folder}/a.json: created\n{folder}/c.json: created\n"
        assert f"{folder}/b.json: refused: " in said.err
        assert "\n  colour: " in said.err
        (folder / "b.json").write_text("{")
        said = call("apply", "-f", folder, "--url", url)
        assert (said.code, said.out.count("revision 1")) == (2, 2)
        assert "broken JSON" in said.err
        assert call("apply", "-f", folder / "a.json", "--url", f"{url}/").code == 0


def test_folders_below_are_read_and_hidden_ones_are_not(call: Call, folder: Path, services: Services) -> None:
    write(folder / "a.json")
    write(folder / "team" / "b.json")
    write(folder / ".git" / "c.json")
    (folder / "README.md").write_text("# What this is")
    with serving(build_api(services)) as url:
        assert call("apply", "-f", folder, "--url", url).code == 0
        assert names(url) == ["a", "b"]


def test_a_mounted_config_map_is_read_once(call: Call, folder: Path, services: Services) -> None:
    write(folder / "..2026" / "a.json")
    (folder / "..data").symlink_to("..2026")
    (folder / "a.json").symlink_to("..data/a.json")
    with serving(build_api(services)) as url:
        assert call("apply", "-f", folder, "--url", url) == (0, f"{folder}/a.json: created\n", "")


def test_one_name_in_two_files_is_neither(call: Call, folder: Path, services: Services) -> None:
    first = write(folder / "a.json", "same")
    second = write(folder / "b.json", "same", description="another")
    write(folder / "c.json")
    with serving(build_api(services)) as url:
        said = call("apply", "-f", folder, "--url", url)
        assert said.code == 2
        assert f"{first}: name: 'same' is the name in {second} too" in said.err
        assert names(url) == ["c"]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_service_that_is_away_is_waited_for(call: Call, folder: Path, services: Services, status: int) -> None:
    write(folder / "a.json")
    app = Interrupted(build_api(services), status, 2)
    with serving(app) as url:
        assert call("apply", "-f", folder, "--url", url).code == 1
        assert app.times == 1
        assert call("apply", "-f", folder, "--url", url, "--wait", 30) == (0, f"{folder}/a.json: created\n", "")


def test_a_service_that_says_0_is_not_asked_all_the_time(call: Call, folder: Path, services: Services) -> None:
    write(folder / "a.json")
    app = Interrupted(build_api(services), 503, 1000)
    with serving(app) as url:
        assert call("apply", "-f", folder, "--url", url, "--wait", 1.5).code == 1
    assert app.times >= 997


def test_an_answer_that_is_not_headwaters_is_no_success(call: Call, folder: Path, services: Services) -> None:
    write(folder / "a.json")
    with serving(Interrupted(build_api(services), 200, 1)) as url:
        said = call("apply", "-f", folder, "--url", url)
        assert (said.code, said.out, names(url)) == (2, "", [])
    assert f"{folder}/a.json: answered with 200, and not by Headwater; name its address with --url" in said.err


def test_a_service_that_is_busy_is_waited_for_in_any_case(call: Call, folder: Path, services: Services) -> None:
    write(folder / "a.json")
    with serving(Interrupted(build_api(services), 429, 2)) as url:
        assert call("apply", "-f", folder, "--url", url).code == 0


def test_a_service_that_is_away_goes_before_what_is_wrong(call: Call, folder: Path, services: Services) -> None:
    write(folder / "a.json")
    write(folder / "b.json", colour=1)
    with serving(Interrupted(build_api(services), 503, 1)) as url:
        assert call("apply", "-f", folder, "--url", url).code == 1
        assert call("apply", "-f", folder, "--url", url).code == 2


class TestPrune:
    def test_what_left_the_folder_is_deleted_if_it_has_the_label(
        self, call: Call, folder: Path, services: Services
    ) -> None:
        for name in ("a", "b"):
            write(folder / f"{name}.json", labels=TEAM)
        by_hand = write(folder.parent / "hand" / "by-hand.json")
        with serving(build_api(services)) as url:
            assert call("apply", "-f", by_hand, "--url", url).code == 0
            assert call("apply", "-f", folder, "--url", url, "--prune", "team:data").code == 0
            (folder / "b.json").unlink()
            assert call("apply", "-f", folder, "--url", url).code == 0
            assert names(url) == ["a", "b", "by-hand"]
            said = call("apply", "-f", folder, "--url", url, "--prune", "team:data")
            assert said == (0, f"{folder}/a.json: revision 1\nb: deleted\n", "")
            assert names(url) == ["a", "by-hand"]

    def test_nothing_is_deleted_unless_all_was_applied(self, call: Call, folder: Path, services: Services) -> None:
        write(folder / "a.json", labels=TEAM)
        write(folder / "b.json", labels=TEAM)
        with serving(build_api(services)) as url:
            assert call("apply", "-f", folder, "--url", url, "--prune", "team:data").code == 0
            (folder / "b.json").write_text("{")
            said = call("apply", "-f", folder, "--url", url, "--prune", "team:data")
            assert (said.code, names(url)) == (2, ["a", "b"])
            assert "nothing was deleted" in said.err

    @pytest.mark.parametrize("answered", [(503, 1), (500, 1), (403, 2), (200, 2)])
    def test_a_list_that_is_not_had_deletes_nothing(
        self, call: Call, folder: Path, services: Services, answered: tuple[int, int]
    ) -> None:
        status, code = answered
        for name in ("a", "b"):
            write(folder / f"{name}.json", labels=TEAM)
        with serving(Interrupted(build_api(services), status, 1, "GET")) as url:
            assert call("apply", "-f", folder, "--url", url).code == 0
            (folder / "b.json").unlink()
            said = call("apply", "-f", folder, "--url", url, "--prune", "team:data")
            assert (said.code, names(url)) == (code, ["a", "b"])
        assert f"--prune: answered with {status}, and not by Headwater" in said.err

    def test_each_workflow_must_have_the_label(self, call: Call, folder: Path, services: Services) -> None:
        file = write(folder / "a.json", labels={"team": "sales"})
        with serving(build_api(services)) as url:
            said = call("apply", "-f", folder, "--url", url, "--prune", "team:data")
            assert (said.code, names(url)) == (2, [])
        assert f"{file}: labels.team: must be 'data'" in said.err

    def test_more_than_a_page(
        self, call: Call, folder: Path, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("service.cli.apply.PAGE", 1)
        for name in ("a", "b", "c"):
            write(folder / f"{name}.json", labels=TEAM)
        with serving(build_api(services)) as url:
            assert call("apply", "-f", folder, "--url", url).code == 0
            for name in ("a", "b"):
                (folder / f"{name}.json").unlink()
            assert call("apply", "-f", folder, "--url", url, "--prune", "team:data").code == 0
            assert names(url) == ["c"]

    @pytest.mark.parametrize("label", ["team", ":data"])
    def test_a_label_that_is_none(self, call: Call, folder: Path, label: str) -> None:
        said = call("apply", "-f", folder, "--prune", label)
        assert said.code == 2
        assert "--prune: " in said.err
        assert "key:value" in said.err


def test_nobody_answers(call: Call, tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text("{name: w, config: {}}")
    said = call("apply", "-f", tmp_path / "w.yaml", "--url", "http://127.0.0.1:1", "--wait", 1.5)
    assert said.code == 1
    assert "no service answers at http://127.0.0.1:1" in said.err
    assert "--url" in said.err


def test_somebody_else_answers(call: Call, tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text("{name: a/../b, config: {}}")
    with FakeOpenMetadata() as fake:
        said = call("apply", "-f", tmp_path / "w.yaml", "--url", fake.host_port.removesuffix("/api"))
    assert said.code == 2
    assert "w.yaml: " in said.err


@pytest.mark.parametrize("url", ["http://[", "nonsense", "ftp://a", "http://", "http://a:99999"])
def test_an_address_that_is_none(call: Call, tmp_path: Path, url: str) -> None:
    (tmp_path / "w.yaml").write_text("{name: w, config: {}}")
    said = call("apply", "-f", tmp_path / "w.yaml", "--url", url)
    assert said.code == 2
    assert "--url: " in said.err


@pytest.mark.parametrize(("name", "told"), [("none", "neither a folder nor a file"), ("", "holds no file")])
def test_nothing_to_apply(call: Call, tmp_path: Path, name: str, told: str) -> None:
    said = call("apply", "-f", tmp_path / name)
    assert said.code == 2
    assert told in said.err
