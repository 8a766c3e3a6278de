"""How users say which of BigQuery's projects to read, in OpenMetadata's words."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from connectors.definition import FilterPattern, Unused
from connectors.families.addresses import over_tcp
from connectors.families.database_options import WarehouseConnection
from connectors.families.driver_options import NoArguments
from connectors.families.google.config import OF_GOOGLE, PROJECT, GcpCredentials
from connectors.families.web_addresses import web_address

HTTPS_PORT = 443
POLICY_TAGS = "datacatalog"
EXAMPLE = "bigquery.googleapis.com"


class BigQueryConfig(WarehouseConnection):
    """BigQuery's projects, which are databases here, and who reads them.

    `billingProjectId` is where queries are charged, else the project that is read. `connectionOptions` may hold
    `datacatalog`, where policy tags are looked up, if that is not at datacatalog.googleapis.com.
    """

    type: Literal["BigQuery"] = "BigQuery"
    scheme: Literal["bigquery"] = "bigquery"
    host_port: str = EXAMPLE
    credentials: GcpCredentials
    billing_project_id: str | None = None
    include_policy_tags: bool = True
    connection_options: dict[str, str] = Field(default_factory=dict[str, str])
    connection_arguments: NoArguments = Field(default_factory=dict[str, Any])
    schema_filter_pattern: FilterPattern = FilterPattern()
    # Policy tags are looked up by the names that the columns carry.
    taxonomy_project_id: Annotated[tuple[str, ...], Unused()] = Field(default=(), alias="taxonomyProjectID")
    taxonomy_location: Annotated[str, Unused()] = "us"
    usage_location: Annotated[str, Unused()] = "us"
    cost_per_tb: Annotated[float, Unused()] = Field(default=6.25, alias="costPerTB")

    @field_validator("host_port")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        address_of(value)
        return value

    @field_validator("billing_project_id")
    @classmethod
    def _is_a_project(cls, value: str | None) -> str | None:
        if value is not None and not PROJECT.fullmatch(value):
            msg = f"{value!r} is not a project's id; write it as Google's console shows it"
            raise ValueError(msg)
        return value

    @field_validator("connection_options")
    @classmethod
    def _are_known(cls, value: dict[str, str]) -> dict[str, str]:
        for key, item in value.items():
            if key != POLICY_TAGS:
                msg = f"{key} is not supported; only {POLICY_TAGS} is"
                raise ValueError(msg)
            address_of(item)
        return value

    @model_validator(mode="after")
    def _keeps_tokens_with_google(self) -> "BigQueryConfig":
        places = {"hostPort": self.address, f"connectionOptions.{POLICY_TAGS}": self.policy_tags_address}
        for key, address in places.items():
            if self.credentials.of_the_service() and not OF_GOOGLE.fullmatch(address):
                kind = self.credentials.gcp_config.type
                msg = (
                    f"{key} must be an https address of googleapis.com with gcpConfig of type {kind}: the token sent "
                    "there is not this definition's own; correct it, or give the key of a service account"
                )
                raise ValueError(msg)
        return self

    @property
    def address(self) -> str:
        """Where BigQuery answers."""
        return address_of(self.host_port)

    @property
    def policy_tags_address(self) -> str:
        """Where Data Catalog answers."""
        return address_of(self.connection_options.get(POLICY_TAGS, f"{POLICY_TAGS}.googleapis.com"))


def address_of(text: str) -> str:
    """The base of an API's addresses, of a host or of an address.

    Raises:
        ValueError: It is neither; says what to write.
    """
    if "://" not in text:
        return f"https://{over_tcp(text.rstrip('/'), HTTPS_PORT)}"
    return web_address(text, "an API of Google's", EXAMPLE)
