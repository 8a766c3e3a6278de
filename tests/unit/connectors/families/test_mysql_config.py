from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.definition import parse
from connectors.errors import ConfigurationError
from connectors.families.mysql.config import MysqlConfig
from connectors.families.sqlite.config import SQLiteConfig
from connectors.source_files import SourceFiles

PLAIN: dict[str, Any] = {"username": "u", "hostPort": "db"}


def test_the_default_port() -> None:
    assert MysqlConfig.model_validate(PLAIN).address == ("db", 3306)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"authType": {"awsConfig": {}}}, "awsConfig is not supported: AWS IAM"),
        ({"authType": {"gcpConfig": {}}}, "gcpConfig is not supported: Google Cloud SQL"),
        ({"authType": {"enableIamAuth": True}}, "enableIamAuth is not supported"),
        ({"hostPort": "/run/mysqld.sock"}, "a socket's path, which is not supported"),
        ({"hostPort": "db:0"}, "is not a port"),
        ({"connectionOptions": {"user": "x"}}, "set username"),
        ({"connectionOptions": {"charset": "latin1"}}, "'latin1' cannot be used: .* remove it"),
        ({"connectionOptions": {"init_command": "SET x = 1"}}, "init_command is not supported; .*; remove it"),
        ({"connectionArguments": {"ssl_verify_cert": 1}}, "set sslConfig.caCertificate"),
        ({"connectionArguments": {"read_timeout": "soon"}}, "whole number of seconds"),
    ],
)
def test_what_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MysqlConfig.model_validate(PLAIN | given)


def test_charsets_of_utf8_and_timeouts_are_taken() -> None:
    config = MysqlConfig.model_validate(
        {**PLAIN, "connectionOptions": {"charset": "utf8"}, "connectionArguments": {"write_timeout": 7}}
    )
    assert config.seconds("write_timeout", 300) == 7


def test_what_google_writes_without_tokens() -> None:
    given = {"authType": {"password": "x", "enableIamAuth": False, "gcpConfig": None}}
    assert MysqlConfig.model_validate(PLAIN | given).secret == "x"


@pytest.mark.parametrize("given", [{}, {"databaseMode": "a.db", "connectionOptions": {"timeout": 1}}])
def test_what_sqlite_refuses(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"memory|timeout is not supported"):
        SQLiteConfig.model_validate(given)


@pytest.mark.parametrize(("key", "path"), [("databaseMode", "/etc/shop.db"), ("database", "/etc/shop.db")])
def test_a_file_of_sqlite_elsewhere_is_refused_at_its_key(key: str, path: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(SQLiteConfig, {key: path}, "config", SourceFiles((tmp_path,)))
    [problem] = caught.value.problems
    assert problem.path == f"config.{key}"
    assert "'/etc/shop.db' does not lie below" in problem.message
    named = {"databaseMode": "shop.db", "database": path}
    assert parse(SQLiteConfig, named, "config", SourceFiles((tmp_path,))).database_name == path
