"""Every command, with good input and bad: its exit code and what it says."""

import json
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url

from service.database.engine import Database
from service.workflows import repository as workflows
from service.workflows.vault import Vault
from tests.eventually import eventually
from tests.fake_openmetadata.server import FakeOpenMetadata
from tests.integration.service.cli.conftest import Call, Said, definition


class TestRun:
    def test_a_run_that_succeeds(self, call: Call, tmp_path: Path) -> None:
        said = call("run", "-c", definition(tmp_path))
        assert (said.code, said.out.splitlines()[-1]) == (0, "succeeded")
        assert said.out.splitlines()[1].split() == ["databaseService", "3", "0", "0", "0", "0"]
        assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 3

    def test_a_run_that_fails(self, call: Call, tmp_path: Path) -> None:
        said = call("run", "-c", definition(tmp_path, "fail", count=1))
        assert (said.code, said.out.splitlines()[-1]) == (1, "failed")
        assert "failed: databaseService item0 at record: no item0\n        mend item0" in said.out

    def test_a_definition_that_says_not_to_raise(self, call: Call, tmp_path: Path) -> None:
        file = definition(tmp_path, "fail", count=1)
        file.write_text(file.read_text() + "\nworkflowConfig: {raiseOnError: false}")
        assert call("run", "-c", file).code == 0

    @pytest.mark.parametrize(
        ("behaviour", "code", "told"),
        [
            ("unavailable", 1, "headwater: gone fishing\n  wait\n"),
            ("wrong", 2, "headwater: the definition or a setting is wrong:\n  source.type: is odd\n"),
            ("exit", 1, "headwater: the run broke off: SystemExit: 3\n"),
        ],
    )
    def test_a_run_that_breaks_off(self, call: Call, tmp_path: Path, behaviour: str, code: int, told: str) -> None:
        said = call("run", "-c", definition(tmp_path, behaviour))
        assert said.code == code
        assert told in said.err
        assert "Traceback" not in said.err

    @pytest.mark.parametrize("password", ["secret:pw", "hunter2 & more"])
    def test_no_secret_is_printed(
        self, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
    ) -> None:
        monkeypatch.setenv("HEADWATER_SECRET_PW", "hunter2 & more")
        file = definition(tmp_path, "leak", password=password)
        file.write_text(file.read_text() + "\nworkflowConfig: {loggerLevel: DEBUG}")
        said = call("run", "-c", file)
        assert said.code == 1
        assert "no entry with **********" in said.err
        assert "hunter2" not in said.out + said.err

    def test_a_missing_secret(self, call: Call, tmp_path: Path) -> None:
        said = call("run", "-c", definition(tmp_path, password="secret:gone"))
        assert said.code == 2
        assert "there is no secret 'gone'; provide it as the variable HEADWATER_SECRET_GONE" in said.err

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_an_interruption(self, call: Call, tmp_path: Path, number: signal.Signals) -> None:
        def interrupt() -> None:
            eventually((tmp_path / "ready").exists)
            os.kill(os.getpid(), number)

        former = signal.getsignal(number)
        thread = threading.Thread(target=interrupt)
        thread.start()
        said = call("run", "-c", definition(tmp_path, "gate"))
        thread.join()
        assert (said.code, signal.getsignal(number)) == (130, former)
        assert f"headwater: interrupted by {number.name}" in said.err
        assert "databaseService" in said.out

    def test_dead_letters_of_an_earlier_run_are_not_told(self, call: Call, tmp_path: Path) -> None:
        old = tmp_path / "old.jsonl"
        old.write_text("{}\n")
        assert call("run", "-c", definition(tmp_path), "--dead-letters", old).out.splitlines()[-1] == "succeeded"

    def test_a_file_that_is_not_there(self, call: Call, tmp_path: Path) -> None:
        said = call("run", "-c", tmp_path / "none.yaml")
        assert said.code == 2
        assert "none.yaml: No such file or directory" in said.err


class TestReplay:
    def test_what_a_run_wrote_is_sent(self, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        call("run", "-c", definition(tmp_path))
        with FakeOpenMetadata() as fake:
            security = {"authProvider": "openmetadata", "securityConfig": {"jwtToken": "secret:om"}}
            options = {"openMetadataServerConfig": {"hostPort": fake.host_port, **security}}
            (tmp_path / "om.yaml").write_text(yaml.safe_dump({"workflowConfig": options}))
            monkeypatch.setenv("HEADWATER_SECRET_OM", "token")
            said = call("replay", tmp_path / "out.jsonl", "-c", tmp_path / "om.yaml")
        assert said.code == 0, said
        assert said.out.splitlines()[1].split()[:2] == ["databaseService", "3"]

    def test_without_a_server(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "om.yaml").write_text("workflowConfig: {}")
        (tmp_path / "out.jsonl").touch()
        said = call("replay", tmp_path / "out.jsonl", "-c", tmp_path / "om.yaml")
        assert said.code == 2
        assert "workflowConfig.openMetadataServerConfig: is required" in said.err

    def test_a_file_that_is_not_there_and_a_folder(self, call: Call, tmp_path: Path) -> None:
        said = call("replay", tmp_path / "none.jsonl", "-c", tmp_path / "om.yaml")
        assert (said.code, said.out) == (2, "")
        assert f"{tmp_path / 'none.jsonl'}: there is no such file" in said.err
        said = call("replay", tmp_path, "-c", tmp_path / "om.yaml")
        assert (said.code, said.out) == (2, "")
        assert f"{tmp_path}: is a folder" in said.err


class TestValidate:
    def test_a_definition(self, call: Call, tmp_path: Path) -> None:
        file = definition(tmp_path)
        assert call("validate", file) == Said(0, f"{file}: valid for misbehaving, service 'svc'\n", "")

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({}, ""),
            ({"schedule": {"cron": "61 * * * *"}}, "schedule.cron"),
            ({"policy": {"isolation": "pod"}}, "policy.isolation"),
            ({"policy": {"memoryLimitMb": 512}}, "policy.memoryLimitMb"),
            ({"colour": 1}, "colour"),
        ],
    )
    def test_a_workflow(self, call: Call, tmp_path: Path, fields: dict[str, Any], told: str) -> None:
        config = yaml.safe_load(definition(tmp_path, password="hunter2").read_text())
        config["sink"]["config"]["filename"] = "below-the-services-folder.jsonl"
        (tmp_path / "w.yaml").write_text(yaml.safe_dump({"name": "w", "config": config, **fields}))
        said = call("validate", tmp_path / "w.yaml")
        assert said.code == (2 if told else 0)
        assert told in said.err

    def test_notes_are_told(self, call: Call, tmp_path: Path) -> None:
        file = definition(tmp_path)
        file.write_text(file.read_text() + "\nenableStreamableLogs: true")
        assert "note: enableStreamableLogs has no effect without ingestionPipelineFQN" in call("validate", file).out

    def test_an_unknown_type(self, call: Call, tmp_path: Path) -> None:
        file = definition(tmp_path)
        file.write_text(file.read_text().replace("misbehaving", "misbehavin"))
        said = call("validate", file)
        assert said.code == 2
        assert "did you mean 'misbehaving'?" in said.err


class TestStore:
    def test_migrate(self, call: Call, empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HEADWATER_DATABASE_URL", empty_database_url)
        for _ in range(2):
            said = call("migrate")
            assert said.code == 0
            assert said.out.startswith("the store is at revision ")

    def test_migrate_without_a_store(self, call: Call) -> None:
        said = call("migrate")
        assert said.code == 2
        assert "HEADWATER_DATABASE_URL: is not set" in said.err

    @pytest.mark.parametrize("command", ["migrate", "serve"])
    def test_a_store_that_does_not_answer(
        self, call: Call, monkeypatch: pytest.MonkeyPatch, command: str, database_url: str
    ) -> None:
        wrong = make_url(database_url).set(password="hunter2", database="none").render_as_string(hide_password=False)
        monkeypatch.setenv("HEADWATER_DATABASE_URL", wrong)
        monkeypatch.setenv("HEADWATER_PORT", "0")
        said = call(command)
        assert said.code == 1
        assert "headwater: the database is not available" in said.err
        assert "hunter2" not in said.err

    def test_serve_before_migrate(self, call: Call, empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HEADWATER_DATABASE_URL", empty_database_url)
        monkeypatch.setenv("HEADWATER_PORT", "0")
        said = call("serve")
        assert said.code == 1
        assert "run `headwater migrate`" in said.err

    def test_an_address_that_is_taken(self, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            monkeypatch.setenv("HEADWATER_PORT", str(taken.getsockname()[1]))
            monkeypatch.setenv("HEADWATER_DATA_DIR", str(tmp_path / "data"))
            said = call("serve")
        assert said.code == 1
        assert "headwater: cannot listen on 127.0.0.1:" in said.err

    @pytest.mark.parametrize("host", ["x" * 300, "no.such.host.invalid"], ids=["too long", "unknown"])
    def test_a_host_that_is_none(self, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str) -> None:
        monkeypatch.setenv("HEADWATER_HOST", host)
        monkeypatch.setenv("HEADWATER_DATA_DIR", str(tmp_path / "data"))
        said = call("serve")
        assert said.code == 1
        assert f"headwater: cannot listen on {host}:" in said.err
        assert "set HEADWATER_HOST and HEADWATER_PORT" in said.err
        assert not (tmp_path / "data").exists()


class TestReseal:
    def test_old_keys_may_go(self, call: Call, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        old, new = (Fernet.generate_key().decode() for _ in range(2))
        with database.session() as session:
            workflows.store_secret(session, "pw", Vault([old]).encrypt("hunter2"))
        monkeypatch.setenv("HEADWATER_DATABASE_URL", database.url)
        monkeypatch.setenv("HEADWATER_SECRET_KEY", new)
        assert "was sealed with a key" in call("reseal").err
        monkeypatch.setenv("HEADWATER_SECRET_KEY", f"{new},{old}")
        said = call("reseal")
        assert (said.code, said.out.partition(" have")[0]) == (0, "1 documents")
        with database.session() as session:
            stored = workflows.find_secret(session, "pw")
        assert stored is not None
        assert Vault([new]).decrypt(stored) == "hunter2"


class TestSettings:
    def test_settings_without_secrets(self, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HEADWATER_DATABASE_URL", "postgresql://u:hunter2@h/d")
        said = call("settings")
        assert (said.code, json.loads(said.out)["database_url"]) == (0, "**********")

    def test_the_schema(self, call: Call) -> None:
        assert "worker_slots" in json.loads(call("settings", "--schema").out)["properties"]

    @pytest.mark.parametrize("command", ["settings", "serve", "migrate"])
    def test_a_wrong_setting(self, call: Call, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
        monkeypatch.setenv("HEADWATER_PORT", "many")
        said = call(command)
        assert said.code == 2
        assert "HEADWATER_PORT: " in said.err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run"], ["apply"], ["replay", "x"], ["validate"]])
def test_a_wrong_command_line(call: Call, arguments: list[str]) -> None:
    said = call(*arguments)
    assert said.code == 2
    assert "usage: headwater" in said.err


def test_version_and_help(call: Call) -> None:
    assert call("--version").out.startswith("headwater ")
    assert "130 interrupted" in call("run", "--help").out
