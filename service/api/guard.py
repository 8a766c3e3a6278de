"""Stands before every route: who calls, whether they call too often. What a role may is asked by the routes."""

import ipaddress
import re
from http import HTTPStatus

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from service.access.authentication import ANYBODY, Caller
from service.access.keys import KEY, prefix_of
from service.access.limits import Limiter
from service.api.callers import CALLER, MISSING
from service.api.dependencies import Services
from service.api.errors import refusal
from service.api.middleware import App, Message, Receive, Scope, Send
from service.api.pipeline_client.credentials import REFUSAL
from service.api.pipeline_client.prefixes import is_contract
from service.errors import Forbidden, ServiceError, TooMany, Unauthenticated, Unavailable
from service.settings import is_loopback

PROBES = frozenset({"/health/live", "/health/ready"})
# What stands there is the same in every installation.
DOCUMENTS = frozenset({"/docs", "/openapi.json"})
METRICS = "/metrics"
MINUTE = 60.0
# Keys that no one has are counted apart, so that who has one is not kept waiting by others who have none either.
MADE_UP = "made up by "
CONTRACT = "contract with "
OTHER_SITES = frozenset({b"cross-site", b"same-site"})
HARMLESS = frozenset({"GET", "HEAD"})

MALFORMED = "the Authorization header must be there once, as `Bearer` and one API key"
WRONG = "the API key is unknown, revoked or expired; an administrator makes one with POST /api/v1/keys"
IN_ADDRESS = "an API key must not stand in an address, where it is logged: revoke it and send another as a header"
FROM_A_PAGE = (
    "without API keys no page of another site may call, and none by another name than this machine's own (127.0.0.1, "
    "localhost): a browser would do so unasked; HEADWATER_AUTH=keys lets both"
)
TOO_OFTEN = "more than HEADWATER_RATE_LIMIT requests a second"
GUESSING = "too many wrong credentials from this address; wait, then send the right ones"

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([!-~]{1,512})")


class Guard:
    """Finds the caller of each request; without one, only what is open is passed on."""

    def __init__(self, app: App, services: Services) -> None:
        self._app = app
        self._services = services
        settings = services.settings
        rate = settings.rate_limit if settings.auth == "keys" else 0
        self._requests = Limiter(rate, max(1, 2 * rate)) if rate else None
        failures = settings.failed_logins_per_minute
        self._failures = Limiter(failures / MINUTE, failures)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        state = scope.setdefault("state", {})
        if is_contract(scope["path"]):
            state[REFUSAL] = self._refusal(_network_of(address_of(request)))
            await self._app(scope, receive, self._counting(request, send))
            return
        try:
            state[CALLER] = await self._caller(request)
        except ServiceError as error:
            await refusal(request, error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _caller(self, request: Request) -> Caller | None:
        """Who calls; None for what is open to everybody. Raises the error that refuses the request."""
        path: str = request.scope["path"]
        if path in PROBES:
            return None
        _refuse_keys_in_address(request)
        settings = self._services.settings
        if settings.auth == "none":
            _refuse_other_sites(request)
            return ANYBODY
        if path in DOCUMENTS or (path == METRICS and settings.metrics_auth == "none"):
            self._count(_network_of(address_of(request)))
            return None
        caller = await self._authenticated(request)
        self._count(caller.key_prefix or caller.name)
        return caller

    async def _authenticated(self, request: Request) -> Caller:
        network = _network_of(address_of(request))
        given = request.headers.getlist("authorization")
        if not given:
            self._count(network)
            raise Unauthenticated(MISSING)
        found = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        caller = None if found is None else self._services.keys.recognise(found[1])
        if caller is not None:
            return caller
        # Nobody guesses 190 bits: who shows what is written as a key is not locked out by neighbours who err.
        written = found is not None and prefix_of(found[1]) is not None
        wait = 0.0 if written else self._failures.wait(network)
        if wait:
            raise TooMany(GUESSING, wait)
        # But anybody can write some, and each costs a query.
        wait = self._requests.wait(MADE_UP + network) if written and self._requests else 0.0
        if wait:
            raise TooMany(TOO_OFTEN, wait)
        if found is not None:
            caller = await run_in_threadpool(self._services.keys.look_up, found[1])
        if caller is None:
            self._failures.charge(network)
            if written and self._requests:
                self._requests.charge(MADE_UP + network)
            raise Unauthenticated(MALFORMED if found is None else WRONG)
        return caller

    def _count(self, caller: str) -> None:
        wait = self._requests.take(caller) if self._requests else 0.0
        if wait:
            raise TooMany(TOO_OFTEN, wait)

    def _refusal(self, network: str) -> TooMany | None:
        """Why the contract is to refuse this address, in its own form."""
        if wait := self._failures.wait(network):
            return TooMany(GUESSING, wait)
        wait = self._requests.take(CONTRACT + network) if self._requests else 0.0
        return TooMany(TOO_OFTEN, wait) if wait else None

    def _counting(self, request: Request, send: Send) -> Send:
        """The pipeline-service contract asks for credentials of its own; wrong ones count alike."""

        async def sending(message: Message) -> None:
            refused = message["type"] == "http.response.start" and message["status"] == HTTPStatus.UNAUTHORIZED
            if refused and "authorization" in request.headers:
                self._failures.charge(_network_of(address_of(request)))
            await send(message)

        return sending


async def still_admitted(request: Request, services: Services) -> bool:
    """Whether the key of a request that goes on for long is still good; what cannot be told now is."""
    if services.settings.auth == "none":
        return True
    given = _BEARER.fullmatch(request.headers.get("authorization", ""))
    if given is None:
        return False
    try:
        return (
            services.keys.recognise(given[1]) is not None
            or await run_in_threadpool(services.keys.look_up, given[1]) is not None
        )
    except Unavailable:
        return True


def address_of(request: Request) -> str:
    """Where the request comes from; behind a trusted proxy, what that one says."""
    return request.client.host if request.client is not None else "unknown"


def _network_of(address: str) -> str:
    """Whose address it is: of version 6, each customer has a whole network of them."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if isinstance(known, ipaddress.IPv4Address) else str(ipaddress.ip_network((known, 64), strict=False))


def _refuse_keys_in_address(request: Request) -> None:
    query: bytes = request.scope["query_string"]
    if KEY.search(request.scope["path"]) or (query and KEY.search(query.decode("latin-1"))):
        raise Unauthenticated(IN_ADDRESS)


def _refuse_other_sites(request: Request) -> None:
    site = dict(request.scope["headers"]).get(b"sec-fetch-site")
    origin = request.headers.get("origin")
    # Not every browser names the site, but each names the origin of what changes something.
    foreign = site in OTHER_SITES or (origin is not None and origin.partition("://")[2] != request.url.netloc)
    elsewhere = foreign and request.method not in HARMLESS
    # A page whose own name was pointed at this machine would pass for one of ours.
    if elsewhere or not is_loopback(request.url.hostname or ""):
        raise Forbidden(FROM_A_PAGE)
