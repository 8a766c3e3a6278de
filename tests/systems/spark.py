"""Spark's Thrift server, which speaks HiveServer2's protocol, with a metastore of its own in Derby."""

import shutil
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sharing import free_port
from tests.systems import FOLDER, program, running

SERVER = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"


def require_java() -> None:
    """Leave the test out where there is no Java."""
    if shutil.which("java") is None:
        pytest.skip("there is no Java on this machine, which Spark needs")


@contextmanager
def start(folder: Path) -> Generator[dict[str, str]]:
    """A server of this process's own; see tests.sharing."""
    port = free_port()
    [home] = (FOLDER / "spark" / "lib").glob("python3.*/site-packages/pyspark")
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={folder / 'metastore'};create=true",
    }
    command = [program("spark", "spark-submit"), "--master", "local[2]", "--driver-memory", "1g"]
    for key, value in settings.items():
        command += ["--conf", f"{key}={value}"]
    command += ["--class", SERVER, "spark-internal"]
    for key, value in {"port": str(port), "bind.host": "127.0.0.1"}.items():
        command += ["--hiveconf", f"hive.server2.thrift.{key}={value}"]

    def ready() -> bool:
        with socket.socket() as line:
            line.settimeout(1)
            return line.connect_ex(("127.0.0.1", port)) == 0

    environment = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"}
    with running(command, folder / "server", ready, environment):
        yield {"address": f"127.0.0.1:{port}"}
