import httpx
import pytest

from connectors.errors import ConfigurationError
from connectors.http.proxies import Proxied, proxy_of
from tests.answering import Answering
from tests.plain_http import NO_TLS

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("settings", "address", "proxy"),
    [
        ({}, "http://om:8585/api", None),
        ({"HTTP_PROXY": "http://gate:3128"}, "http://om:8585/api", "http://gate:3128"),
        ({"HTTP_PROXY": "http://gate:3128"}, "https://om/api", None),
        ({"https_proxy": "gate:3128"}, "https://om/api", "http://gate:3128"),
        ({"ALL_PROXY": "http://gate"}, "https://om/api", "http://gate"),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "om"}, "http://om:8585/api", None),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": ".example.org,om:8585"}, "http://om:8585/api", None),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "om:8586"}, "http://om:8585/api", "http://gate"),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "example.org"}, "https://om.example.org", None),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "*"}, "https://om", None),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "::1"}, "http://[::1]/api", None),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "::1"}, "http://[::1]:8585/api", None),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "[::1]"}, "http://[::1]/api", None),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "[::1]"}, "http://[::1]:8585/api", None),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "[::1]:8585"}, "http://[::1]:8585/api", None),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "[::1]:8586"}, "http://[::1]:8585/api", "http://gate"),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "::2"}, "http://[::1]:8585/api", "http://gate"),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "om, 10.0.0.0/8"}, "http://10.1.2.3:8585/api", None),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "10.0.0.0/8"}, "http://11.1.2.3:8585/api", "http://gate"),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "10.9.9.9/8,fd00::/8"}, "http://10.1.2.3/api", None),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "10.0.0.0/8,fd00::/8"}, "http://[fd12::1]:8585/api", None),
        ({"ALL_PROXY": "http://gate", "NO_PROXY": "10.0.0.0/8,10.0.0.0/99"}, "http://om.10/api", "http://gate"),
        ({"ALL_PROXY": "socks5://gate", "NO_PROXY": "om"}, "http://om:8585/api", None),
        ({"ALL_PROXY": "socks5://gate", "HTTP_PROXY": "gate"}, "http://om:8585/api", "http://gate"),
    ],
)
def test_takes_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], address: str, proxy: str | None
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(httpx.URL(address)) == proxy


@pytest.mark.parametrize("entry", ["127.0.0.0/99", "*.example.org", "*", "http://om:8585"])
def test_an_entry_of_no_use_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, entry: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://gate")
    monkeypatch.setenv("NO_PROXY", f"{entry}, localhost, fd00::/8, [::1]:8585, .example.com")
    for address in ("http://om:8585", "http://10.1.2.3", "https://a.example.org"):
        assert proxy_of(httpx.URL(address)) == "http://gate"
    [warning] = {record.getMessage() for record in caplog.records}
    assert warning.startswith(f"NO_PROXY: {entry} is no host, domain or network and is passed over: write it like ")


def test_each_request_goes_the_way_of_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        Answering({"GET /far": {"by": "the proxy"}}) as proxy,
        Answering({"GET /near": {"by": "itself"}}) as near,
        httpx.Client(transport=Proxied(NO_TLS)) as client,
    ):
        monkeypatch.setenv("HTTP_PROXY", proxy.address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
        assert client.get(f"{near.address}/near").json() == {"by": "itself"}
        client.get("http://catalogue.invalid/far")
        assert [asked.headers["host"] for asked in proxy.asked] == ["catalogue.invalid"]
        monkeypatch.setenv("HTTP_PROXY", "http://gate:port")
        with pytest.raises(ConfigurationError, match=r"^HTTP_PROXY: "):
            client.get("http://catalogue.invalid/far")


@pytest.mark.parametrize(
    ("variable", "proxy", "fault"),
    [
        ("ALL_PROXY", "socks5://u:secret@gate:1080", "names a proxy of socks5://"),
        ("all_proxy", "socks5://u:secret@gate:1080", "names a proxy of socks5://"),
        ("HTTP_PROXY", "foo://gate", "names a proxy of foo://"),
        ("HTTP_PROXY", "http://u:secret@gate:port", "is not the address of a proxy"),
        ("HTTP_PROXY", "http://", "is not the address of a proxy"),
    ],
)
def test_names_the_variable_of_a_proxy_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, variable: str, proxy: str, fault: str
) -> None:
    monkeypatch.setenv(variable, proxy)
    with pytest.raises(ConfigurationError) as caught:
        proxy_of(httpx.URL("http://om:8585/api"))
    (problem,) = caught.value.problems
    assert problem.path == variable.upper()
    assert fault in problem.message
    assert "set it to the address of an HTTP proxy, like http://gate:3128" in problem.message
    assert "secret" not in problem.message
