"""What people try to get in by."""

import hmac
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event, text

from service.access.authentication import KeyRing
from service.access.keys import digest_of, make_key, prefix_of
from service.access.roles import Role
from service.api.guard import IN_ADDRESS
from service.clock import now
from service.database.listen import Listener
from tests.eventually import eventually
from tests.integration.service.api.keyed import Keyed, keyed, migrated, new_key
from tests.integration.service.api.serving import ADMIN_KEY, definition_of, problem
from tests.plain_http import NO_TLS
from tests.postgres import Server

RUNS = "/api/v1/runs"
KEYS = "/api/v1/keys"


@pytest.fixture(scope="module")
def api(postgres_server: Server, migrated_template: str) -> Iterator[Keyed]:
    """An API that asks for keys."""
    with migrated(postgres_server, migrated_template) as store, keyed(store) as api:
        yield api


def made(api: Keyed, **wanted: Any) -> dict[str, Any]:
    answer = api.as_admin("POST", KEYS, json={"name": "made", "role": "viewer", **wanted})
    assert answer.status_code == 201, answer.text
    return answer.json()


def swapped(key: str) -> str:
    return key.swapcase()


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "{key}", "Basic {key}", "Bearer {key} {key}", "Bearer {key},{key}", "Bearer\t{key}",
     "Bearer  {key}x", "Bearer={key}", "Bearer '{key}'", "Bearer \"{key}\"", "Bearer {swapped}", "Bearer {lower}",
     "Bearer {prefix}", "Bearer {short}", "Bearer {key}\xe9", "Bearer ' or 1=1 --", "Bearer hw_'or1=1-_{rest}",
     "Bearer {prefix}_%", "Bearer *", "Bearer null", "Bearer {long}", "Digest {key}", "Bearer: {key}"],
)  # fmt: skip
def test_a_header_that_is_not_quite_right_is_refused(api: Keyed, header: str) -> None:
    key = api.keys[Role.ADMIN]
    words = {"key": key, "swapped": swapped(key), "lower": key.lower(), "prefix": key[:11], "short": key[:-1]}
    value = header.format(**words, rest="0" * 38, long="k" * 60_000)
    answer = api.call("GET", RUNS, headers={"Authorization": value.encode("latin-1")})
    assert answer.status_code in {401, 431, 400}, header
    assert answer.status_code == 401 or "long" in header


@pytest.mark.parametrize("header", ["Bearer {key}", "bearer {key}", "BEARER   {key}"])
def test_the_scheme_is_of_any_case_and_space_around_the_key_is_none_of_it(api: Keyed, header: str) -> None:
    value = header.format(key=api.keys[Role.VIEWER])
    assert api.call("GET", RUNS, headers={"Authorization": value}).status_code == 200


def test_a_second_header_is_not_smuggled_in(api: Keyed) -> None:
    good, bad = f"Bearer {api.keys[Role.ADMIN]}", f"Bearer {make_key().text}"
    for pair in ((good, bad), (bad, good), (good, good)):
        headers = [("Authorization", value) for value in pair]
        assert httpx.get(api.address + RUNS, headers=headers, trust_env=False, verify=NO_TLS).status_code == 401
    for name in ("X-Api-Key", "Proxy-Authorization", "X-Forwarded-Authorization", "Cookie", "X-Original-Authorization"):
        assert api.call("GET", RUNS, headers={name: good}).status_code == 401


def test_headers_of_proxies_change_neither_path_nor_method_nor_address(api: Keyed) -> None:
    viewer = api.keys[Role.VIEWER]
    lies = {"X-HTTP-Method-Override": "DELETE", "X-Original-URL": "/health/live", "X-Rewrite-URL": "/health/live"}
    assert api.call("GET", RUNS, headers=lies).status_code == 401
    assert api.call("GET", KEYS, viewer, headers=lies).status_code == 403
    prefix = made(api)["prefix"]
    api.as_admin("DELETE", f"{KEYS}/{prefix}", headers={"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6"})
    [noted] = api.as_admin("GET", "/api/v1/audit", params={"resource": f"keys/{prefix}", "limit": 1}).json()["data"]
    assert (noted["action"], noted["address"]) == ("key.revoke", "127.0.0.1")


def test_keys_in_addresses_are_refused_and_logged_nowhere(api: Keyed, caplog: pytest.LogCaptureFixture) -> None:
    key = api.keys[Role.ADMIN]
    with caplog.at_level(logging.DEBUG):
        for path in (f"{RUNS}?access_token={key}", f"{RUNS}?x={key}", f"{KEYS}/{key}", f"/{key}"):
            for header in (None, key):
                refused = problem(api.call("GET", path, header), 401)
                assert refused["detail"] == IN_ADDRESS
                assert key not in str(refused)
        api.call("GET", RUNS, key)
        api.call("GET", RUNS, make_key().text)
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("service"))
    assert "GET /api/v1/runs 200" in ours
    assert key[12:] not in ours


def test_expired_and_revoked_keys_are_refused(api: Keyed) -> None:
    ending = made(api, expiresAt=(now() + timedelta(hours=1)).isoformat())
    assert api.call("GET", RUNS, ending["key"]).status_code == 200
    past = {"expiresAt": (now() - timedelta(seconds=1)).isoformat()}
    api.as_admin("PATCH", f"{KEYS}/{ending['prefix']}", json=past).raise_for_status()
    problem(api.call("GET", RUNS, ending["key"]), 401)
    api.as_admin("PATCH", f"{KEYS}/{ending['prefix']}", json={"expiresAt": None}).raise_for_status()
    assert api.call("GET", RUNS, ending["key"]).status_code == 200
    revoked = api.as_admin("DELETE", f"{KEYS}/{ending['prefix']}").json()
    assert revoked["revokedAt"]
    assert api.as_admin("DELETE", f"{KEYS}/{ending['prefix']}").json() == revoked
    problem(api.call("GET", RUNS, ending["key"]), 401)
    answer = api.as_admin("PATCH", f"{KEYS}/{ending['prefix']}", json={"expiresAt": None})
    assert "cannot be undone" in problem(answer, 409)["detail"]


def test_of_a_key_only_a_hash_is_kept_and_it_is_shown_once(api: Keyed) -> None:
    key = made(api, name="shown once")
    text_of_key: str = key.pop("key")
    assert prefix_of(text_of_key) == key["prefix"]
    api.call("GET", RUNS, text_of_key)
    read = api.as_admin("GET", f"{KEYS}/{key['prefix']}").json()
    assert read.pop("lastUsedAt")
    assert read == {name: value for name, value in key.items() if name != "lastUsedAt"}
    listed = api.as_admin("GET", KEYS, params={"limit": 500}).text
    audited = api.as_admin("GET", "/api/v1/audit", params={"limit": 500}).text
    assert "shown once" in listed
    assert "shown once" in audited
    with api.store.session() as session:
        rows = session.scalars(text("select k::text from api_keys k union all select a::text from audit_log a"))
        kept = "\n".join(rows)
    assert digest_of(text_of_key).hex() in kept
    for told in (listed, audited, kept):
        assert text_of_key[12:] not in told
        assert ADMIN_KEY not in told


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "a"}, "role"),
        ({"name": "a", "role": "root"}, "role"),
        ({"name": "", "role": "viewer"}, "name"),
        ({"name": "a\nb", "role": "viewer"}, "name"),
        ({"name": "a", "role": "viewer", "expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"name": "a", "role": "viewer", "expiresAt": "2099-01-01T00:00:00"}, "expiresAt"),
        ({"name": "a", "role": "viewer", "key": "mine"}, "key"),
    ],
)
def test_a_key_that_cannot_be_made_is_told_why(api: Keyed, body: dict[str, Any], path: str) -> None:
    [found] = problem(api.as_admin("POST", KEYS, json=body), 422)["problems"]
    assert found["path"] == path


def test_keys_are_compared_in_constant_time(api: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def comparing(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    key, unknown = new_key(api.store, Role.VIEWER), make_key().text
    ring = KeyRing(api.store, ("a" * 32, "b" * 32), lambda: True)
    monkeypatch.setattr(hmac, "compare_digest", comparing)
    for given, found in ((key, True), (unknown, False), ("a" * 32, True), ("c" * 32, False)):
        compared.clear()
        assert ((ring.recognise(given) or ring.look_up(given)) is not None) is found
        assert [len(one) == len(other) == 32 for one, other in compared] == [True] * len(compared)
        # Both admin keys, whichever it is, and for what looks like a key one more, whether there is one or not.
        assert len(compared) == 2 + (prefix_of(given) is not None)


class TestKeyRing:
    def test_a_known_key_costs_no_query_and_a_revocation_is_heard_of(self, api: Keyed) -> None:
        made_now = made(api)
        ring = KeyRing(api.store, (), lambda: listener.connected)
        listener = Listener(api.store.url, ["headwater_keys"], lambda _channel, _prefix: ring.forget())
        queries: list[str] = []
        event.listen(api.store.engine, "before_cursor_execute", lambda *arguments: queries.append(arguments[2]))
        listener.start()
        try:
            assert listener.wait_connected(60)
            eventually(lambda: ring.look_up(made_now["key"]) and ring.recognise(made_now["key"]))
            queries.clear()
            assert all(ring.recognise(made_now["key"]) for _ in range(100))
            assert [query for query in queries if "digest" in query and "select" in query.lower()] == []
            api.as_admin("DELETE", f"{KEYS}/{made_now['prefix']}").raise_for_status()
            eventually(lambda: ring.recognise(made_now["key"]) is None)
            assert ring.look_up(made_now["key"]) is None
        finally:
            listener.close()

    def test_while_nothing_is_heard_every_key_is_looked_up(self, api: Keyed) -> None:
        key = new_key(api.store, Role.VIEWER)
        ring = KeyRing(api.store, (), lambda: False)
        assert ring.look_up(key)
        assert ring.recognise(key) is None

    def test_what_was_read_before_a_change_is_not_trusted_after_it(
        self, api: Keyed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = new_key(api.store, Role.VIEWER)
        ring = KeyRing(api.store, (), lambda: True)
        compare = hmac.compare_digest

        def changing(one: bytes, other: bytes) -> bool:
            ring.forget()
            return compare(one, other)

        monkeypatch.setattr(hmac, "compare_digest", changing)
        assert ring.look_up(key)
        assert ring.recognise(key) is None


class TestLimits:
    def test_a_key_may_not_ask_too_often_and_has_its_own_share(self, api: Keyed) -> None:
        with keyed(api.store, rate_limit=0.001) as slow:
            assert slow.as_role(Role.VIEWER, "GET", RUNS).status_code == 200
            refused = slow.as_role(Role.VIEWER, "GET", RUNS)
            assert "HEADWATER_RATE_LIMIT" in problem(refused, 429)["detail"]
            assert int(refused.headers["retry-after"]) > 100
            assert slow.as_role(Role.OPERATOR, "GET", RUNS).status_code == 200
            assert [slow.call("GET", RUNS).status_code for _ in range(2)] == [401, 429]
            assert slow.call("GET", "/docs").status_code == 429
            assert [slow.call("GET", "/health/live").status_code for _ in range(3)] == [200] * 3

    def test_keys_that_were_made_up_cost_no_more_queries_than_the_rate_allows(self, api: Keyed) -> None:
        with keyed(api.store, rate_limit=0.001) as slow:
            answers = [slow.call("GET", RUNS, make_key().text) for _ in range(3)]
            assert [answer.status_code for answer in answers] == [401, 429, 429]
            assert slow.as_admin("GET", RUNS).status_code == 200

    def test_the_contract_has_a_rate_of_its_own(self, api: Keyed) -> None:
        with keyed(api.store, rate_limit=0.001, openmetadata_username="om", openmetadata_password="pw") as slow:
            contract = f"{slow.address}/api/v1/openmetadata/health-auth"
            assert httpx.get(contract, auth=("om", "pw"), trust_env=False, verify=NO_TLS).status_code == 200
            told = httpx.get(contract, auth=("om", "pw"), trust_env=False, verify=NO_TLS)
            assert (told.status_code, "HEADWATER_RATE_LIMIT" in told.json()["error"]) == (429, True)
            assert slow.as_admin("GET", RUNS).status_code == 200

    def test_wrong_credentials_make_an_address_wait_but_not_who_is_known(self, api: Keyed) -> None:
        basic = {"openmetadata_username": "om", "openmetadata_password": "right"}
        with keyed(api.store, failed_logins_per_minute=1, **basic) as guarded:
            contract = f"{guarded.address}/api/v1/openmetadata/health-auth"
            assert httpx.get(contract, auth=("om", "wrong"), trust_env=False, verify=NO_TLS).status_code == 401
            refused = guarded.call("GET", RUNS, "not-written-as-a-key")
            assert int(refused.headers["retry-after"]) >= 1
            problem(refused, 429)
            assert guarded.call("GET", RUNS, guarded.keys[Role.VIEWER]).status_code == 200
            told = httpx.get(contract, auth=("om", "right"), trust_env=False, verify=NO_TLS)
            assert (told.status_code, list(told.json())) == (429, ["error"])
            assert guarded.as_admin("GET", RUNS).status_code == 200
            assert guarded.call("GET", RUNS).status_code == 401


def test_every_answer_has_the_headers_that_browsers_heed(api: Keyed) -> None:
    admin = api.keys[Role.ADMIN]
    for method, path, key in (
        ("GET", RUNS, admin), ("GET", RUNS, None), ("GET", "/nope", admin), ("POST", RUNS, admin),
        ("GET", "/docs", None), ("GET", "/openapi.json", None), ("GET", "/metrics", None),
        ("GET", "/health/live", None),
        ("GET", "/api/v1/openmetadata/health-auth", None), ("PUT", "/api/v1/workflows/x", admin),
    ):  # fmt: skip
        headers = api.call(method, path, key).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["x-frame-options"] == "DENY", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert headers["cache-control"] == "no-store", path
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path


def test_an_event_stream_needs_a_key_and_ends_with_it(api: Keyed) -> None:
    api.as_admin("PUT", "/api/v1/workflows/followed", json=definition_of("followed")).raise_for_status()
    run = api.as_admin("POST", "/api/v1/workflows/followed/runs").json()["id"]
    key = made(api)
    headers = {"Authorization": f"Bearer {key['key']}"}
    url = f"{api.address}{RUNS}/{run}/events"
    assert httpx.get(url, trust_env=False, verify=NO_TLS).status_code == 401
    with httpx.stream("GET", url, headers=headers, timeout=60, trust_env=False, verify=NO_TLS) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: state"
        api.as_admin("DELETE", f"{KEYS}/{key['prefix']}").raise_for_status()
        assert not [line for line in lines if "succeeded" in line]
