"""Replicas that ask for keys, as processes of their own."""

import secrets
import shutil
import tempfile
from functools import partial
from pathlib import Path

import httpx

from tests.acceptance.conftest import StartReplica
from tests.acceptance.processes import Replica, headwater
from tests.eventually import eventually
from tests.plain_http import NO_TLS
from tests.sharing import fast_folder

KEYS = "/api/v1/keys"
RUNS = "/api/v1/runs"


def call(replica: Replica, key: str, method: str = "GET", path: str = RUNS, **body: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.request(
        method, replica.url + path, headers=headers, trust_env=False, timeout=30, json=body or None, verify=NO_TLS
    )


def refuses(replica: Replica, key: str) -> bool:
    return call(replica, key).status_code == 401


def test_a_key_is_good_in_all_replicas_until_it_is_revoked(
    start_replica: StartReplica, tmp_path: Path, database_url: str
) -> None:
    first_key = secrets.token_hex(16)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "first-admin").write_text(f"{first_key}\n")
    chosen = {"admin_key": "secret:first-admin", "secrets_dir": str(tmp_path / "secrets")}
    one, other = start_replica(**chosen), start_replica(**chosen, metrics_auth="keys")
    assert httpx.get(f"{one.url}/api/v1/runs", trust_env=False, verify=NO_TLS).status_code == 401
    assert httpx.get(f"{one.url}/metrics", trust_env=False, verify=NO_TLS).status_code == 200
    assert httpx.get(f"{other.url}/metrics", trust_env=False, verify=NO_TLS).status_code == 401
    made = call(one, first_key, "POST", KEYS, name="both", role="viewer").json()
    key, prefix = made["key"], made["prefix"]
    for replica in (one, other, one, other):
        assert call(replica, key).status_code == 200
    listed = headwater("keys", "list", HEADWATER_DATABASE_URL=database_url)
    assert prefix in listed.stdout
    assert call(one, first_key, "DELETE", f"{KEYS}/{prefix}").status_code == 200
    for replica in (one, other):
        eventually(partial(refuses, replica, key), "the revocation is heard of")
        logged = replica.said()
        assert key[12:] not in logged
        assert first_key not in logged


def test_the_first_key_is_made_beside_a_service_with_an_embedded_store(start_replica: StartReplica) -> None:
    folder = Path(tempfile.mkdtemp(prefix="hw-", dir=fast_folder()))
    folder.chmod(0o755)  # as root, the store runs as another user
    running = start_replica(database_url="", data_dir=str(folder), auth="keys")
    made = headwater("keys", "create", "first", "--role", "admin", HEADWATER_DATA_DIR=str(folder))
    key = made.stdout.strip()
    assert call(running, key, path=KEYS).json()["data"][0]["name"] == "first", made.stderr
    assert headwater("keys", "revoke", key[:11], HEADWATER_DATA_DIR=str(folder)).returncode == 0
    eventually(partial(refuses, running, key), "the revocation is heard of")
    assert running.terminate() == 0
    shutil.rmtree(folder)


def test_who_trusts_no_proxy_believes_none(start_replica: StartReplica) -> None:
    first_key = secrets.token_hex(16)
    sceptic = start_replica(admin_key=first_key)
    trusting = start_replica(admin_key=first_key, trusted_proxies="127.0.0.0/8")
    told: list[str] = []
    for replica in (sceptic, trusting):
        headers = {"Authorization": f"Bearer {first_key}", "X-Forwarded-For": "203.0.113.7"}
        body = {"name": "x", "role": "viewer"}
        made = httpx.post(replica.url + KEYS, json=body, headers=headers, trust_env=False, verify=NO_TLS).json()
        which = f"/api/v1/audit?resource=keys/{made['prefix']}"
        told += [row["address"] for row in call(replica, first_key, path=which).json()["data"]]
    assert told == ["127.0.0.1", "203.0.113.7"]


def test_a_first_key_that_leads_nowhere_is_told_before_anything_listens(database_url: str, tmp_path: Path) -> None:
    settings = {"HEADWATER_DATABASE_URL": database_url, "HEADWATER_DATA_DIR": str(tmp_path), "HEADWATER_PORT": "0"}
    missing = headwater("serve", HEADWATER_ADMIN_KEY="secret:none-such", **settings)
    assert (missing.returncode, "HEADWATER_ADMIN_KEY: there is no secret 'none-such'" in missing.stderr) == (2, True)
    short = headwater("serve", HEADWATER_ADMIN_KEY="secret:short", HEADWATER_SECRET_SHORT="abc", **settings)
    assert (short.returncode, "HEADWATER_ADMIN_KEY: every key must be 32 to 256" in short.stderr) == (2, True)
    assert "Listening" not in missing.stderr + short.stderr
