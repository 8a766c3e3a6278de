"""API keys by command line, and commands that show one."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from cryptography.fernet import Fernet

from service.access.keys import prefix_of
from service.access.repository import AuditFilter, list_audit
from service.access.schemas import AuditRead
from service.api.router import build_api
from service.cli import main
from service.clock import now
from service.database.engine import Database
from tests.integration.service.api.keyed import migrated
from tests.integration.service.api.serving import ADMIN_KEY, services_on, serving
from tests.integration.service.workflows.makers import ask
from tests.plain_http import NO_TLS
from tests.postgres import Server

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def store(postgres_server: Server, migrated_template: str) -> Iterator[Database]:
    """A store; each test looks at keys of its own."""
    with migrated(postgres_server, migrated_template) as store:
        yield store


@pytest.fixture
def call(store: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command on the store: exit code, standard output, standard error."""
    for name in [name for name in os.environ if name.startswith("HEADWATER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HEADWATER_DATABASE_URL", store.url)

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def audited(store: Database, resource: str) -> list[AuditRead]:
    with store.session() as session:
        return list_audit(session, AuditFilter(resource=resource), None, 50).data[::-1]


def test_a_key_is_made_listed_and_revoked(call: Call, store: Database) -> None:
    code, out, err = call("keys", "create", "ci of shop", "--role", "operator", "--days", "90")
    key = out.removesuffix("\n")
    prefix = prefix_of(key) or ""
    assert (code, prefix == key[:11]) == (0, True)
    assert f"{prefix} is made, with the role operator; it is not shown again" in err
    assert key not in err
    ends = f"{now() + timedelta(days=90):%Y-%m-%d}"
    [line] = [line for line in call("keys", "list")[1].splitlines() if prefix in line]
    assert line.split()[1:4] == ["operator", "usable", line.split()[3]]
    assert line.split()[3].startswith(ends)
    assert line.endswith("never                ci of shop")
    assert call("keys", "revoke", prefix)[:2] == (0, f"{prefix} (ci of shop) is revoked\n")
    assert "revoked" in next(line for line in call("keys", "list")[1].splitlines() if prefix in line)
    created, revoked = audited(store, f"keys/{prefix}")
    assert (created.action, created.via, revoked.action) == ("key.create", "command-line", "key.revoke")
    assert "@" in created.actor
    assert key[12:] not in str(created)


REFUSE = """
    create function refuse() returns trigger language plpgsql as
        $$ begin raise exception 'not today' using errcode = '53100'; end $$;
    create constraint trigger refuse after insert or update on api_keys deferrable initially deferred
        for each row execute function refuse()"""


def test_what_the_store_does_not_take_in_the_end_is_not_told_as_done(call: Call, store: Database) -> None:
    prefix = call("keys", "create", "stays", "--role", "viewer")[1][:11]
    ask(store, REFUSE)
    try:
        answers = [call("keys", "create", "lost", "--role", "viewer"), call("keys", "revoke", prefix)]
    finally:
        ask(store, "drop function refuse cascade")
    assert [(code, out, "not today" in err) for code, out, err in answers] == [(1, "", True)] * 2
    assert "usable" in next(line for line in call("keys", "list")[1].splitlines() if prefix in line)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("create", "x", "--role", "root"), 2, "invalid choice: 'root'"),
        (("create", "x"), 2, "--role"),
        (("create", "", "--role", "viewer"), 2, "name: "),
        (("create", "x", "--role", "viewer", "--days", "0"), 2, "--days: must be more than 0"),
        (("create", "x", "--role", "viewer", "--days", "inf"), 2, "--days: must be more than 0"),
        (("revoke", "hw_nothing0"), 1, "there is no key 'hw_nothing0'"),
        ((), 2, "usage: headwater keys"),
    ],
)
def test_what_cannot_be_done_is_told(call: Call, arguments: tuple[str, ...], code: int, told: str) -> None:
    said = call("keys", *arguments)
    assert said[:2] == (code, "")
    assert told in said[2]


def test_reseal_is_noted(call: Call, store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_SECRET_KEY", Fernet.generate_key().decode())
    assert call("reseal")[0] == 0
    [noted] = audited(store, "secrets")
    assert (noted.action, noted.via, noted.after) == ("secrets.reseal", "command-line", {"documents": 0})


class TestApply:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        """A workflow that no other test has, named like its file."""
        source = {
            "type": "sqlite", "serviceName": "s",
            "serviceConnection": {"config": {"type": "SQLite", "databaseMode": "/nowhere.db"}},
            "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
        }  # fmt: skip
        config = {"source": source, "sink": {"type": "file", "config": {"filename": "x.jsonl"}}}
        file = tmp_path / f"applied-{uuid4().hex}.json"
        file.write_text(json.dumps({"name": file.stem, "config": config}))
        return file

    def test_it_shows_a_key(self, call: Call, store: Database, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        key_file = file.with_name("key")
        key_file.write_text(f"{ADMIN_KEY}\n")
        viewer = call("keys", "create", "reader", "--role", "viewer")[1].strip()
        with serving(build_api(services_on(store, auth="keys"))) as url:
            command = ("apply", "-f", file, "--url", url, "--wait", "60")  # for an outage, which a refusal is none of
            code, _, err = call(*command)
            assert (code, "set HEADWATER_API_KEY, or name a file with the key by --key-file" in err) == (2, True)
            monkeypatch.setenv("HEADWATER_API_KEY", viewer)
            code, _, err = call(*command)
            assert (code, "needs the role admin" in err) == (2, True)
            assert viewer not in err
            assert call(*command, "--key-file", key_file)[:2] == (0, f"{file}: created\n")
            monkeypatch.setenv("HEADWATER_API_KEY", ADMIN_KEY)
            assert call(*command)[:2] == (0, f"{file}: revision 1\n")
            monkeypatch.setenv("HEADWATER_API_KEY", f"secret:first-admin, {ADMIN_KEY},another")
            assert call(*command)[:2] == (0, f"{file}: revision 1\n")
            shown = httpx.get(f"{url}/api/v1/workflows", headers={"Authorization": f"Bearer {viewer}"}, verify=NO_TLS)
            assert file.stem in {found["name"] for found in shown.json()["data"]}

    def test_it_waits_no_longer_than_it_is_told(self, call: Call, file: Path) -> None:
        told = call("apply", "-f", file, "--url", "http://127.0.0.1:1", "--wait", "0.01")
        assert (told[0], "no service answers" in told[2]) == (1, True)
        told = call("apply", "-f", file, "--url", "http://x:y", "--wait", "60")
        assert (told[0], "is not an address" in told[2]) == (2, True)

    def test_a_key_that_cannot_be_sent_is_told(self, call: Call, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        command = ("apply", "-f", file, "--url", "http://127.0.0.1:1")
        monkeypatch.setenv("HEADWATER_API_KEY", "two words")
        said = call(*command)
        assert (said[0], "HEADWATER_API_KEY: is no API key" in said[2]) == (2, True)
        assert "two words" not in said[2]
        monkeypatch.setenv("HEADWATER_API_KEY", "secret:first-admin")
        assert "HEADWATER_API_KEY: is no API key: it must be written out" in call(*command)[2]
        for content in (b"", b"\xff"):
            file.with_name("key").write_bytes(content)
            said = call(*command, "--key-file", file.with_name("key"))
            assert (said[0], f"--key-file {file.with_name('key')}: is no" in said[2]) == (2, True)
        said = call(*command, "--key-file", file.with_name("none"))
        assert (said[0], "No such file" in said[2]) == (2, True)
