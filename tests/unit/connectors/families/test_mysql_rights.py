"""What SHOW GRANTS tells of what a user may see."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.mysql.rights import Rights, Server, account

MARIADB = Server("10.11.19-MariaDB-log")
MYSQL_5 = Server("5.7.44")
MYSQL_8 = Server("8.0.36")
LITERAL = Server("8.4.0", literal=True)
SERVERS = st.sampled_from([MARIADB, MYSQL_5, MYSQL_8, LITERAL])
USER = "'u'@'%'"
NAMES = st.text("ab_%\\`'. \n", min_size=1, max_size=8)


def rights(*statements: str, server: Server = MARIADB) -> Rights:
    return Rights.of(USER, server, statements)


def gives(right: str) -> str:
    return f"GRANT {right} TO `u`@`%`"


@given(SERVERS, NAMES, NAMES)
def test_the_statement_that_is_asked_for_gives_the_right_on_this_schema_alone(
    server: Server, schema: str, other: str
) -> None:
    asked = rights(server=server).missing_for_tables(schema)
    assert asked is not None
    given_now = rights(asked, server=server)
    assert given_now.missing_for_tables(schema) is None
    assert (given_now.missing_for_tables(other) is None) == (other == schema)


@given(SERVERS, NAMES)
def test_nothing_is_missing_once_every_statement_was_obeyed(server: Server, schema: str) -> None:
    none = rights(server=server)
    asked = (none.missing_for_schemas(), none.missing_for_tables(schema), none.missing_for_routines(schema))
    obeyed = rights(*(each for each in asked if each), server=server)
    assert None not in asked
    assert obeyed.missing_for_schemas() is None
    assert obeyed.missing_for_tables(schema) is None
    assert obeyed.missing_for_routines(schema) is None


@given(st.lists(st.text(), max_size=4), st.text())
def test_what_is_no_grant_gives_nothing(statements: list[str], schema: str) -> None:
    found = rights(*statements)
    assert found.missing_for_schemas() is not None
    assert found.missing_for_tables(schema) is not None
    assert found.missing_for_routines(schema) is not None


@pytest.mark.parametrize(
    ("right", "tables", "routines", "schemas"),
    [
        ("USAGE ON *.*", False, False, False),
        ("SELECT ON *.*", True, True, True),
        ("SHOW DATABASES, PROCESS ON *.*", False, False, True),
        ("INSERT, UPDATE ON *.*", True, False, True),
        ("ALL PRIVILEGES ON *.*", True, True, True),
        ("EXECUTE ON *.*", False, True, False),
        ("SELECT, SHOW VIEW ON `shop`.*", True, False, False),
        ("ALL PRIVILEGES ON `shop`.*", True, True, False),
        ("EXECUTE, EVENT ON `shop`.*", False, True, False),
        ("SELECT ON `shop`.`a`", False, False, False),
        ("SELECT (`x`, `y`), INSERT (`x`) ON `shop`.`a`", False, False, False),
        ("EXECUTE ON PROCEDURE `shop`.`p`", False, False, False),
        ("SELECT ON `sho%`.*", True, False, False),
        ("SELECT ON `sh_p`.*", True, False, False),
        (r"SELECT ON `sh\_p`.*", False, False, False),
        ("SELECT ON `Shop`.*", False, False, False),
        ("SELECT ON `mysql`.`proc`", False, True, False),
        ("SELECT ON `mysql`.*", False, True, False),
        ("`reader`", False, False, False),
        ("PROXY ON ''@'%'", False, False, False),
    ],
)
def test_rights(right: str, tables: bool, routines: bool, schemas: bool) -> None:
    found = rights("GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*E6'", gives(right))
    missing = (found.missing_for_tables("shop"), found.missing_for_routines("shop"), found.missing_for_schemas())
    assert [each is None for each in missing] == [tables, routines, schemas]


@pytest.mark.parametrize(
    ("server", "grant"),
    [
        (MARIADB, "GRANT SELECT ON `mysql`.`proc` TO 'u'@'%'"),
        (MYSQL_5, "GRANT SELECT ON `mysql`.`proc` TO 'u'@'%'"),
        (MYSQL_8, "GRANT SHOW_ROUTINE ON *.* TO 'u'@'%'"),
    ],
)
def test_routines_need_what_the_server_has(server: Server, grant: str) -> None:
    assert rights(server=server).missing_for_routines("shop") == grant


def test_mysql_8_has_no_table_of_routines() -> None:
    assert rights(gives("SELECT ON `mysql`.*"), gives("SELECT ON `mysql`.`proc`"), server=MYSQL_8).missing_for_routines(
        "shop"
    )


def test_every_fitting_pattern_has_to_give_the_right() -> None:
    found = rights(gives("SELECT ON `sh%`.*"), gives("EXECUTE ON `shop`.*"))
    assert found.missing_for_tables("shop") == "GRANT SELECT ON `shop`.* TO 'u'@'%'"
    assert found.missing_for_tables("shed") is None


def test_what_was_revoked_of_a_schema() -> None:
    found = rights(gives("SELECT, EXECUTE ON *.*"), "REVOKE SELECT ON `hr_x`.* FROM `u`@`%`", server=LITERAL)
    assert found.missing_for_tables("shop") is None
    assert found.missing_for_tables("hr_x") == "GRANT SELECT ON `hr_x`.* TO 'u'@'%'"
    assert found.missing_for_routines("hr_x") is None
    assert found.missing_for_schemas() == "GRANT SELECT ON `hr_x`.* TO 'u'@'%'"
    nothing = rights(gives("EXECUTE ON *.*"), "REVOKE ALL PRIVILEGES ON `hr`.* FROM `u`@`%`", server=LITERAL)
    assert nothing.missing_for_routines("hr") is not None


def test_names_are_no_patterns_where_partial_revokes_are_on() -> None:
    found = rights(gives("SELECT ON `s_p`.*"), server=LITERAL)
    assert found.missing_for_tables("s_p") is None
    assert found.missing_for_tables("sxp") is not None


@pytest.mark.parametrize(
    ("user", "written"), [("u@%", "'u'@'%'"), ("o'x@10.%", "'o''x'@'10.%'"), ("a@b@localhost", "'a@b'@'localhost'")]
)
def test_accounts(user: str, written: str) -> None:
    assert account(user) == written
    assert re.fullmatch(r"'.*'@'.*'", account(user))
