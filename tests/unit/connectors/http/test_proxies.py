import httpx
import pytest

from connectors.http.proxies import proxy_of

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
    ],
)
def test_takes_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], address: str, proxy: str | None
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(httpx.URL(address)) == proxy
