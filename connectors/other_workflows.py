"""What OpenMetadata's other releases and kinds of workflows write in definitions; none of those is run here."""

from collections.abc import Container, Mapping
from types import MappingProxyType
from typing import Final

NOT_RUN = "Headwater runs metadata ingestion only"
# By the `type` of the source's options: the JSON Schemas of metadataIngestion in OpenMetadata.
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Profiler": "profiler",
        "AutoClassification": "auto classification",
        "DatabaseLineage": "lineage",
        "DatabaseUsage": "usage",
        "DashboardUsage": "usage",
        "TestSuite": "data quality",
        "MetadataToElasticSearch": "search index",
        "DataInsight": "data insight",
        "dataInsight": "data insight",
        "Application": "application",
        "ReverseIngestion": "reverse ingestion",
    }
)
# By the end of the source's type.
SUFFIXES: Final[Mapping[str, str]] = MappingProxyType({"-lineage": "lineage", "-usage": "usage"})
STEP = (
    f"is a step of other workflows (profiler, lineage, usage, data quality, auto classification); {NOT_RUN}: remove it"
)
STEPS: Final[Mapping[str, str]] = MappingProxyType(dict.fromkeys(("processor", "stage", "bulkSink"), STEP))

PASSWORD: Final[Mapping[str, str]] = MappingProxyType({"password": "is written as authType: {password: ...}"})
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def elsewhere(fields: Container[str]) -> Mapping[str, str]:
    """What is to be said of keys that a model with these fields has not, and other workflows and releases have."""
    if "workflow_config" in fields:
        return STEPS
    return PASSWORD if "auth_type" in fields else NOTHING


def refusal(written: object, kind: str) -> str:
    """Why what somebody wrote for a `kind` of workflow is not taken."""
    return f"{written!r} is for {kind} workflows; {NOT_RUN}"
