"""One Spark for all tests, here on two cores: a session of its own, and sessions of Spark Connect that speak to the same.

The Python beside its processes is that of an environment with Spark and without this package, as on a cluster: what is
tested there has been sent there.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.installing import python_with_spark

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xss4m",
    "spark.sql.shuffle.partitions": "2",
    "spark.log.level": "OFF",
    "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
    "spark.connect.grpc.binding.address": "127.0.0.1",
}


class Spark:
    """A running Spark."""

    def __init__(self, classic: Any, address: str) -> None:
        self.classic = classic
        self._address = address
        self._sessions: list[Any] = []

    def connect(self) -> Any:
        """A new session of Spark Connect: what is sent by another one is not there."""
        from pyspark.sql.connect.session import SparkSession

        self._sessions.append(SparkSession.builder.remote(self._address).create())
        return self._sessions[-1]

    def stop(self) -> None:
        """End all sessions; one of Spark Connect would wait for a server that is gone."""
        for session in self._sessions:
            session.stop()
        self.classic.stop()


@contextmanager
def spark(folder: Path, *, cores: int = 2, settings: dict[str, str] | None = None) -> Iterator[Spark]:
    """Start Spark, and stop it again. The test is skipped where there is none to be had."""
    python = python_with_spark()
    (libraries,) = python.parent.parent.glob("lib/python*/site-packages")
    with patch.dict(os.environ, {"PYSPARK_PYTHON": str(python), "SPARK_LOCAL_IP": "127.0.0.1", "TZ": "UTC"}):
        os.environ.pop("SPARK_REMOTE", None)
        sys.path.append(str(libraries))
        warnings.filterwarnings("ignore", category=FutureWarning, module="pyspark")
        from kili_query.engines.spark import session

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config = {
            **SETTINGS,
            **(settings or {}),
            "spark.connect.grpc.binding.port": str(port),
            "spark.local.dir": str(folder),
        }
        with chdir(folder):  # Python beside Spark's processes would find the package in the folder where they run
            running = Spark(session("tests", master=f"local[{cores}]", config=config), f"sc://127.0.0.1:{port}")
        try:
            yield running
        finally:
            running.stop()
            sys.path.remove(str(libraries))


def submitted(script: Path, *arguments: str, package: str) -> subprocess.CompletedProcess[str]:
    """Run a script by `spark-submit`, as on a cluster: the package is in the Python of the script, and sent to the others."""
    python = python_with_spark()
    (libraries,) = python.parent.parent.glob("lib/python*/site-packages")
    environment = {
        **os.environ,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYSPARK_PYTHON": str(python),
        "PYTHONPATH": str(libraries),
        "PYTHONWARNINGS": "ignore",
        "SPARK_HOME": str(libraries / "pyspark"),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    settings = [f"--conf={name}={value}" for name, value in SETTINGS.items() if "connect" not in value + name]
    command = [
        str(python.with_name("spark-submit")),
        "--master=local[2]",
        *settings,
        f"--py-files={package}",
        str(script),
    ]
    return subprocess.run(
        [*command, *arguments], cwd=Path(package).parent, env=environment, capture_output=True, text=True, check=False
    )
