"""Elasticsearch: indexes, data streams and index templates with their fields and settings."""

from base64 import b64encode
from typing import Literal

import httpx
from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.connector import Capability, Connector
from connectors.families.elasticsearch.api import Access
from connectors.families.elasticsearch.checks import cluster_checks
from connectors.families.elasticsearch.config import ClusterConnection, PasswordLogin
from connectors.families.elasticsearch.opening import cluster_topology, opening
from connectors.families.search import SearchMetadata
from connectors.families.web_addresses import web_address

SYSTEM = "Elasticsearch"
GRANTS = """\
# The body of PUT /_security/role/<role>; "monitor" is for templates, and for the version in connection tests.
# Indices that the user may not see are not listed, as if they were gone: set markDeletedSearchIndexes to false then.
{
  "cluster": ["monitor"],
  "indices": [{"names": ["*"], "privileges": ["view_index_metadata"]}]
}"""


class ElasticsearchLogin(PasswordLogin):
    """A user and password, or an API key: with its id, or without one as it was shown encoded. None: no login."""

    api_key: SecretStr | None = None
    api_key_id: SecretStr | None = None

    @model_validator(mode="after")
    def _is_one_login(self) -> "ElasticsearchLogin":
        if self.api_key is None and self.api_key_id is not None:
            msg = "apiKeyId needs apiKey"
            raise ValueError(msg)
        if self.api_key is not None and self.basic is not None:
            msg = "give username and password, or apiKey, not both"
            raise ValueError(msg)
        return self

    @property
    def encoded_key(self) -> str | None:
        """The API key as it is sent."""
        if self.api_key is None:
            return None
        key = self.api_key.get_secret_value()
        if self.api_key_id is None:
            return key
        return b64encode(f"{self.api_key_id.get_secret_value()}:{key}".encode()).decode()


class ElasticsearchConfig(ClusterConnection):
    """An Elasticsearch cluster of the release 7.9 or later, its serverless kind too."""

    type: Literal["ElasticSearch"] = "ElasticSearch"
    auth_type: ElasticsearchLogin = Field(default_factory=ElasticsearchLogin)

    @field_validator("host_port")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return web_address(value, SYSTEM, "https://elasticsearch:9200")


def _access(config: ElasticsearchConfig) -> Access:
    login = config.auth_type
    key, basic = login.encoded_key, login.basic
    if key is not None:
        given = login.api_key.get_secret_value() if login.api_key else ""
        headers = (("Authorization", f"ApiKey {key}"),)
        return Access(SYSTEM, headers=headers, secrets=(key, given), keys="authType.apiKey and apiKeyId")
    if basic is not None:
        return Access(SYSTEM, auth=httpx.BasicAuth(*basic), secrets=(basic[1],), keys="authType.username and password")
    return Access(SYSTEM)


OPENED = opening(_access)
CONNECTOR = Connector(
    name="elasticsearch",
    service_type="ElasticSearch",
    config=ElasticsearchConfig,
    options=SearchMetadata,
    capabilities=frozenset({Capability.SEARCH_INDEXES, Capability.DELETIONS}),
    checks=cluster_checks(OPENED),
    topology=cluster_topology(OPENED),
    grants=GRANTS,
    tested="Elasticsearch 7.10.2 without its security; what only later releases have, logins and rights by answers "
    "made by hand from the documentation",
)
