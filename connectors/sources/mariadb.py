"""MariaDB 10.3 and newer."""

from connectors.connector import OF_DATABASES, Capability, Connector
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseMetadata
from connectors.families.mysql.checks import CHECKS
from connectors.families.mysql.config import MariaDBConfig
from connectors.families.mysql.source import open_source

CONNECTOR = Connector(
    name="mariadb",
    service_type="MariaDB",
    config=MariaDBConfig,
    options=DatabaseMetadata,
    capabilities=OF_DATABASES - {Capability.TAGS, Capability.OWNERS},
    checks=CHECKS,
    topology=database_topology(open_source),
    driver="pymysql",
    grants="GRANT SELECT, SHOW VIEW ON <schema>.* TO '<username>'@'%';\n"
    "GRANT SELECT ON mysql.proc TO '<username>'@'%';  -- bodies of routines\n"
    "GRANT SHOW DATABASES ON *.* TO '<username>'@'%';  -- for markDeletedSchemas\n"
    "-- Nothing is deleted where the user may not see everything: tables need a right on the whole schema, routines "
    "the second line.",
    tested="MariaDB 10.11",
)
