"""OpenSearch: indexes, data streams and index templates with their fields and settings; also Amazon's service."""

from typing import Literal
from urllib.parse import urlsplit

import httpx
from pydantic import Field, field_validator, model_validator

from connectors.connector import Capability, Connector
from connectors.definition import VerifySsl
from connectors.families.aws import AwsCredentials, require_boto3
from connectors.families.aws_signing import AwsSigned
from connectors.families.elasticsearch.api import Access
from connectors.families.elasticsearch.checks import cluster_checks
from connectors.families.elasticsearch.config import ClusterConnection, PasswordLogin
from connectors.families.elasticsearch.opening import cluster_topology, opening
from connectors.families.search import SearchMetadata
from connectors.families.web_addresses import web_address

SYSTEM = "OpenSearch"
SERVICE = "es"
SERVERLESS = ".aoss.amazonaws.com"
# How Amazon's service calls keys or a signature that it refuses, where others answer 401.
REFUSED = (b"in the request is invalid", b"signature we calculated does not match")
GRANTS = """\
# The body of PUT /_plugins/_security/api/roles/<role>; the cluster permissions are for templates, and for the
# version in connection tests. Amazon's service asks for es:ESHttpGet in the policy of the user or the role, too.
# Indices that the user may not see are not listed, as if they were gone: set markDeletedSearchIndexes to false then.
{
  "cluster_permissions": ["cluster:monitor/main", "indices:admin/index_template/get",
                          "cluster:admin/component_template/get", "indices:admin/template/get"],
  "index_permissions": [{"index_patterns": ["*"],
                         "allowed_actions": ["indices:admin/resolve/index", "indices:admin/get"]}]
}"""


class OpenSearchLogin(PasswordLogin, AwsCredentials):
    """A user and password, or a region of Amazon's with the keys that requests are signed by. None: no login."""

    aws_region: str = ""

    @model_validator(mode="after")
    def _is_one_login(self) -> "OpenSearchLogin":
        of_amazon = (self.aws_access_key_id, self.profile_name, self.assume_role_arn, self.end_point_url)
        if not self.aws_region and any(each is not None for each in of_amazon):
            msg = "awsRegion is required beside the keys of Amazon's"
            raise ValueError(msg)
        if self.aws_region and self.basic is not None:
            msg = "give username and password, or awsRegion with the keys of Amazon's, not both"
            raise ValueError(msg)
        if self.aws_region:
            require_boto3("opensearch")
        return self


class OpenSearchConfig(ClusterConnection):
    """An OpenSearch cluster, or a domain of Amazon's OpenSearch Service."""

    type: Literal["OpenSearch"] = "OpenSearch"
    auth_type: OpenSearchLogin = Field(default_factory=OpenSearchLogin)
    verify_ssl: VerifySsl = Field(default="no-ssl", alias="verifySSL")

    @field_validator("host_port")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        address = web_address(value, SYSTEM, "https://opensearch:9200")
        if (urlsplit(address).hostname or "").endswith(SERVERLESS):
            msg = "is one of OpenSearch Serverless, which is not supported; give the address of a cluster or a domain"
            raise ValueError(msg)
        return address


def _access(config: OpenSearchConfig) -> Access:
    login, basic = config.auth_type, config.auth_type.basic
    if login.aws_region:
        secrets = tuple(
            each.get_secret_value() for each in (login.aws_secret_access_key, login.aws_session_token) if each
        )
        keys = "authType.awsAccessKeyId, awsSecretAccessKey and awsSessionToken"
        return Access(SYSTEM, config.verify_ssl, AwsSigned(login, SERVICE), secrets=secrets, keys=keys, refused=REFUSED)
    if basic is not None:
        keys = "authType.username and password"
        return Access(SYSTEM, config.verify_ssl, httpx.BasicAuth(*basic), secrets=(basic[1],), keys=keys)
    return Access(SYSTEM, config.verify_ssl)


OPENED = opening(_access)
CONNECTOR = Connector(
    name="opensearch",
    service_type="OpenSearch",
    config=OpenSearchConfig,
    options=SearchMetadata,
    capabilities=frozenset({Capability.SEARCH_INDEXES, Capability.DELETIONS}),
    checks=cluster_checks(OPENED),
    topology=cluster_topology(OPENED),
    grants=GRANTS,
    tested="OpenSearch 2.19.1 without its security plugin: logins, rights and Amazon's signatures by answers made by "
    "hand from the documentation",
)
