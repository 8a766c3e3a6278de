import pytest

from connectors.errors import FatalError
from connectors.openmetadata.versions import Version, parse_version, require_known


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.0.7", Version(2, 0, 7)),
        ("1.12.0-SNAPSHOT", Version(1, 12, 0)),
        ("1.13", Version(1, 13, 0)),
        ("v2.0.7.0", Version(2, 0, 7)),
    ],
)
def test_parses_what_servers_say(text: str, expected: Version) -> None:
    assert parse_version(text) == expected


@pytest.mark.parametrize("text", ["", "latest", "2"])
def test_refuses_what_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version"):
        parse_version(text)


@pytest.mark.parametrize("version", [Version(1, 9, 0), Version(1, 13, 2), Version(2, 0, 7), Version(2, 99, 0)])
def test_knows_the_servers_of_today(version: Version) -> None:
    require_known(version)


@pytest.mark.parametrize("version", [Version(1, 8, 9), Version(0, 13, 0), Version(3, 0, 0)])
def test_names_a_server_it_does_not_know_and_the_way_out(version: Version) -> None:
    with pytest.raises(FatalError, match=str(version)) as caught:
        require_known(version)
    assert "enableVersionValidation" in (caught.value.advice or "")
