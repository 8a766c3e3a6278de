"""MySQL 5.7 and newer."""

from connectors.connector import Capability, Connector
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseMetadata
from connectors.families.mysql.checks import CHECKS
from connectors.families.mysql.config import MysqlConfig
from connectors.families.mysql.source import open_source

CONNECTOR = Connector(
    name="mysql",
    service_type="Mysql",
    config=MysqlConfig,
    options=DatabaseMetadata,
    capabilities=frozenset(Capability) - {Capability.TAGS, Capability.OWNERS},
    checks=CHECKS,
    topology=database_topology(open_source),
    driver="pymysql",
)
