"""Projects on BigQuery, as bqemulator plays it, for tests to ingest from.

What it has not is played before it: access tokens, policy tags, partitions and labels in lists of tables, and views of
INFORMATION_SCHEMA, whose rows stand in the dataset `recorded` of each project.
"""

import json
import re
import uuid
from functools import cache
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.answering import Answering, Asked, Status
from tests.sharing import REPOSITORY

SHOP = REPOSITORY / "tests" / "golden" / "shop.bigquery.json"
ACCOUNT = "reader@shop.iam.gserviceaccount.com"
TOKEN = "ya29.the-readers-token"
TAXONOMY = "/v1/projects/shop/locations/eu/taxonomies/1"
TAGS = f"{TAXONOMY.removeprefix('/v1/')}/policyTags"
OF_LISTS = ("labels", "timePartitioning", "rangePartitioning", "clustering", "hivePartitioningOptions")
PLACE = r"`([^`]+)`\.`([^`]+)`"
RECORDED = (
    (r"INFORMATION_SCHEMA\.(COLUMN_FIELD_PATHS|KEY_COLUMN_USAGE|TABLE_CONSTRAINTS)", "table_schema"),
    (r"INFORMATION_SCHEMA\.(CONSTRAINT_COLUMN_USAGE)", "constraint_schema"),
    (r"(__TABLES__)", "table_schema"),
)
WITH_DDL = (
    r"(SELECT t.table_name, t.table_type, d.ddl FROM `\1`.`\2`.INFORMATION_SCHEMA.TABLES AS t LEFT JOIN "
    r"(SELECT table_name, ddl FROM `\1`.`recorded`.`DDL` WHERE table_schema = '\2') AS d "
    r"ON d.table_name = t.table_name)"
)


@cache
def private_key() -> str:
    """A service account's key, in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def connection(address: str, project: str | list[str], tokens: str | None = None, **changes: Any) -> dict[str, Any]:
    """How to read a project at this address; `tokens` is where the token comes from."""
    key = {
        "type": "service_account",
        "projectId": project,
        "privateKey": private_key(),
        "privateKeyId": "7e57",
        "clientEmail": ACCOUNT,
        "tokenUri": f"{tokens or address}/token",
    }
    given = {
        "type": "BigQuery",
        "hostPort": address,
        "credentials": {"gcpConfig": key},
        "schemaFilterPattern": {"excludes": ["^recorded$"]},
        "connectionOptions": {"datacatalog": tokens or address},
    }
    return given | changes


def token(asked: Asked) -> Status:
    """What Google's address for tokens says to a grant that is signed."""
    assert b"assertion=ey" in asked.raw
    return Status(200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})


CATALOG: dict[str, Any] = {
    f"GET {TAXONOMY}": {
        "name": TAXONOMY.removeprefix("/v1/"),
        "displayName": "Privacy",
        "description": "what is whose",
    },
    f"GET {TAXONOMY}/policyTags": {
        "policyTags": [
            {
                "name": f"{TAGS}/7",
                "displayName": "e.mail",
                "description": "to write to",
            },
            {"name": f"{TAGS}/8", "displayName": "place"},
        ]
    },
}


class Played(Answering):
    """What stands before the emulator at `upstream`; tests may put more into its `answers`."""

    def __init__(self, upstream: str) -> None:
        super().__init__({"POST /token": token, **CATALOG}, upstream=upstream)
        assert self.upstream is not None
        self.emulator = self.upstream

    def answer(self, asked: Asked) -> Status | httpx.Response:
        """Rewrite what the emulator would not understand."""
        given = f"{asked.method} {asked.path}" in self.answers
        if given or "/bigquery/" not in asked.path:
            return super().answer(asked)
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Status(401, {"error": {"code": 401, "message": "Invalid Credentials"}})
        if asked.method == "POST":
            return self.emulator.post(asked.path, json=asked.body | {"query": played(asked.body["query"])})
        answer = super().answer(asked)
        if asked.path.endswith("/tables") and isinstance(answer, httpx.Response) and answer.is_success:
            return Status(200, self._with_details(asked.path, answer.json()))
        return answer

    def _with_details(self, path: str, page: dict[str, Any]) -> dict[str, Any]:
        for item in page.get("tables", []):
            told = self.emulator.get(f"{path}/{item['tableReference']['tableId']}").json()
            item |= {key: told[key] for key in OF_LISTS if key in told}
        return page


def played(query: str) -> str:
    """A query that the emulator understands."""
    query = re.sub(rf"{PLACE}\.INFORMATION_SCHEMA\.TABLES\b", WITH_DDL, query) if "ddl" in query else query
    for view, schema in RECORDED:
        query = re.sub(rf"{PLACE}\.{view}", rf"(SELECT * FROM `\1`.`recorded`.`\3` WHERE {schema} = '\2')", query)
    return query


def execute(address: str, project: str, *statements: str) -> None:
    """Change something."""
    for statement in statements:
        body = {"query": statement, "useLegacySql": False}
        answer = httpx.post(f"{address}/bigquery/v2/projects/{project}/queries", json=body, timeout=60)
        assert answer.is_success, answer.text
        assert not answer.json().get("errors"), f"{statement}: {answer.text}"


def make_project(address: str) -> str:
    """The sample shop in a project of its own; that project's name."""
    project = f"shop-{uuid.uuid4().hex[:8]}"
    sample = json.loads(SHOP.read_text(encoding="utf-8").replace("$project", project))
    base = f"{address}/bigquery/v2/projects/{project}/datasets"
    for each in sample["datasets"]:
        reference = {"projectId": project, "datasetId": each.pop("id")}
        httpx.post(base, json={"datasetReference": reference, **each}, timeout=60).raise_for_status()
    for name, table in sample["tables"].items():
        reference = {"projectId": project, "datasetId": "sales", "tableId": name}
        httpx.post(f"{base}/sales/tables", json={"tableReference": reference, **table}, timeout=60).raise_for_status()
    execute(address, project, *sample["statements"])
    return project
