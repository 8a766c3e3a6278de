"""The proxy that this process's environment names."""

from urllib.request import getproxies, proxy_bypass

import httpx


def proxy_of(address: httpx.URL) -> str | None:
    """The proxy between here and an address, from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; None for none."""
    named = getproxies()
    found = named.get(address.scheme) or named.get("all")
    if not found or proxy_bypass(f"{address.host}:{address.port}" if address.port else address.host):
        return None
    return found if "://" in found else f"http://{found}"
