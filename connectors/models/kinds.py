"""Every kind of entity that is sent, in one place: a new family adds its lines here and nowhere else."""

from collections.abc import Mapping

from connectors.models.api import CreateApiCollectionRequest, CreateApiEndpointRequest, CreateApiServiceRequest
from connectors.models.base import Request
from connectors.models.dashboard import (
    CreateChartRequest,
    CreateDashboardDataModelRequest,
    CreateDashboardRequest,
    CreateDashboardServiceRequest,
)
from connectors.models.data_model import AddDataModelRequest
from connectors.models.database import (
    CreateDatabaseRequest,
    CreateDatabaseSchemaRequest,
    CreateDatabaseServiceRequest,
    CreateStoredProcedureRequest,
    CreateTableRequest,
)
from connectors.models.lineage import AddLineageRequest
from connectors.models.messaging import CreateMessagingServiceRequest, CreateTopicRequest
from connectors.models.mlmodel import CreateMlModelRequest, CreateMlModelServiceRequest
from connectors.models.pipeline import AddPipelineStatusRequest, CreatePipelineRequest, CreatePipelineServiceRequest
from connectors.models.quality import AddTestCaseResultRequest, CreateTestCaseRequest, CreateTestDefinitionRequest
from connectors.models.search import CreateSearchIndexRequest, CreateSearchServiceRequest
from connectors.models.services import CreateServiceRequest
from connectors.models.storage import CreateContainerRequest, CreateStorageServiceRequest
from connectors.models.tags import CreateClassificationRequest, CreateTagRequest

# By the `type` of the source options, which tells the family. dbt tells of tables that are in a database service.
SERVICES: Mapping[str, type[CreateServiceRequest]] = {
    "ApiMetadata": CreateApiServiceRequest,
    "DBT": CreateDatabaseServiceRequest,
    "DashboardMetadata": CreateDashboardServiceRequest,
    "DatabaseMetadata": CreateDatabaseServiceRequest,
    "MessagingMetadata": CreateMessagingServiceRequest,
    "MlModelMetadata": CreateMlModelServiceRequest,
    "PipelineMetadata": CreatePipelineServiceRequest,
    "SearchMetadata": CreateSearchServiceRequest,
    "StorageMetadata": CreateStorageServiceRequest,
}
REQUESTS: tuple[type[Request], ...] = (
    *dict.fromkeys(SERVICES.values()),
    CreateClassificationRequest,
    CreateTagRequest,
    CreateDatabaseRequest,
    CreateDatabaseSchemaRequest,
    CreateTableRequest,
    CreateStoredProcedureRequest,
    CreateTopicRequest,
    CreateMlModelRequest,
    CreateDashboardDataModelRequest,
    CreateChartRequest,
    CreateDashboardRequest,
    CreatePipelineRequest,
    CreateContainerRequest,
    CreateSearchIndexRequest,
    CreateApiCollectionRequest,
    CreateApiEndpointRequest,
    AddPipelineStatusRequest,
    CreateTestDefinitionRequest,
    AddDataModelRequest,
    AddLineageRequest,
    CreateTestCaseRequest,
    AddTestCaseResultRequest,
)
