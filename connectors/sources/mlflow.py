"""MLflow: registered models with their versions, parameters, metrics, inputs, tags and owners."""

from connectors.connector import Capability, Connector
from connectors.families.mlflow.checks import CHECKS
from connectors.families.mlflow.config import MlflowConfig
from connectors.families.mlflow.source import open_source
from connectors.families.mlmodel import MlModelMetadata, mlmodel_topology

CONNECTOR = Connector(
    name="mlflow",
    service_type="Mlflow",
    config=MlflowConfig,
    options=MlModelMetadata,
    capabilities=frozenset({Capability.ML_MODELS, Capability.OWNERS, Capability.TAGS, Capability.DELETIONS}),
    checks=CHECKS,
    topology=mlmodel_topology(open_source),
    grants="-- with MLflow's basic-auth app: READ on every registered model and on the experiments of their runs.\n"
    "-- Models that the user may not read are not listed, as if they were gone: set markDeletedMlModels to false.",
    tested="MLflow 3.17.2; MLflow 2's tags by hand from its documentation",
)
