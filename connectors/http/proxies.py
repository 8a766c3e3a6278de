"""The proxy that this process's environment names."""

import logging
import ssl
import threading
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.request import getproxies, proxy_bypass

import httpx
from typing_extensions import override

from connectors.errors import ConfigurationError

SCHEMES = ("http", "https")

logger = logging.getLogger(__name__)


def proxy_of(address: httpx.URL) -> str | None:
    """The proxy between here and an address, from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; None for none.

    NO_PROXY may name hosts, domains and, for addresses of numbers, networks like 10.0.0.0/8.

    Raises:
        ConfigurationError: It is no proxy that can be used; names the variable.
    """
    variable, found = _named_for(address)
    if not found or _bypassed(address):
        return None
    proxy = found if "://" in found else f"http://{found}"
    _require_usable(proxy, variable)
    return proxy


def by_way_of(address: httpx.URL) -> str:
    """What advice about an address that does not answer has to add: which variable names the proxy, if one does."""
    return f"; it is asked by way of the proxy that {_named_for(address)[0]} names" if proxy_of(address) else ""


class Proxied(httpx.BaseTransport):
    """Thread-safe. For requests to many addresses: each goes the way that `proxy_of` finds, or raises what it does."""

    def __init__(self, verify: ssl.SSLContext) -> None:
        self._verify = verify
        self._ways: dict[str | None, httpx.HTTPTransport] = {}
        self._making = threading.Lock()

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it."""
        proxy = proxy_of(request.url)
        with self._making:
            if proxy not in self._ways:
                self._ways[proxy] = httpx.HTTPTransport(verify=self._verify, proxy=proxy)
        return self._ways[proxy].handle_request(request)

    @override
    def close(self) -> None:
        """Give the connections back."""
        with self._making:
            for way in self._ways.values():
                way.close()


def _named_for(address: httpx.URL) -> tuple[str, str | None]:
    """The variable, and its text."""
    named = getproxies()
    key = address.scheme if named.get(address.scheme) else "all"
    return f"{key.upper()}_PROXY", named.get(key)


def _bypassed(address: httpx.URL) -> bool:
    """An IPv6 address may be named with brackets or without, and any as one of a network."""
    hosts = [address.host, f"[{address.host}]"] if ":" in address.host else [address.host]
    named = any(proxy_bypass(f"{host}:{address.port}" if address.port else host) for host in hosts)
    return named or any(_lies_in(address.host, each.strip()) for each in getproxies().get("no", "").split(","))


def _lies_in(host: str, entry: str) -> bool:
    network = _network(entry)
    try:
        return network is not None and ip_address(host) in network
    except ValueError:
        return False


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        if not set("/*").isdisjoint(entry):
            message = "NO_PROXY: %s is no host, domain or network and is passed over: write it like %s"
            logger.warning(message, entry, "om.example.org, example.org or 10.0.0.0/8")
        return None


def _require_usable(proxy: str, variable: str) -> None:
    """The message repeats no more than the scheme, as a password may stand in the rest."""
    mend = "set it to the address of an HTTP proxy, like http://gate:3128, or name the server's host in NO_PROXY"
    scheme = proxy.partition("://")[0].lower()
    if scheme not in SCHEMES:
        raise ConfigurationError.at(variable, f"this environment variable names a proxy of {scheme}://: {mend}")
    try:
        host = httpx.URL(proxy).host
    except httpx.InvalidURL:
        host = ""
    if not host:
        raise ConfigurationError.at(variable, f"this environment variable is not the address of a proxy: {mend}")
