"""The proxy that this process's environment names."""

from urllib.request import getproxies, proxy_bypass

import httpx

from connectors.errors import ConfigurationError

SCHEMES = ("http", "https")


def proxy_of(address: httpx.URL) -> str | None:
    """The proxy between here and an address, from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; None for none.

    Raises:
        ConfigurationError: It is no proxy that can be used; names the variable.
    """
    named = getproxies()
    key = address.scheme if named.get(address.scheme) else "all"
    found = named.get(key)
    if not found or _bypassed(address):
        return None
    proxy = found if "://" in found else f"http://{found}"
    _require_usable(proxy, f"{key.upper()}_PROXY")
    return proxy


def _bypassed(address: httpx.URL) -> bool:
    """An IPv6 address may be named with brackets or without."""
    hosts = [address.host, f"[{address.host}]"] if ":" in address.host else [address.host]
    return any(proxy_bypass(f"{host}:{address.port}" if address.port else host) for host in hosts)


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
