"""Make what the cluster's containers read and its user shares with them: certificates for Dask, Spark's secret, Prometheus' settings.

Called by scripts/cluster.sh, which mounts the folder. What is there is kept: a second `up` must not lock out who uses the first.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
from pathlib import Path

import bcrypt
import yaml
from distributed.security import Security

from companion.engines.spark import SHORT_RUN

#: job, and where its counters are: on the proxy's second port, which is this machine's only
COUNTED = {
    "model_server": "/model_server/metrics",
    "nlp_service": "/nlp_service/metrics",
    "catalogue": "/catalogue/metrics",
    "features": "/features/metrics",
}


def private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, unless it is there."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def tls(folder: Path) -> None:
    """One identity for scheduler, workers and client, which vouches for itself: Dask's own way for a cluster of one owner."""
    if (folder / "key.pem").exists():
        return
    made = Security.temporary()
    private(folder / "certificate.pem", made.tls_ca_file)
    private(folder / "key.pem", made.tls_client_key)


def spark(folder: Path) -> None:
    """What master, workers and drivers read of ``SPARK_CONF_DIR``: one secret, and nothing goes over the network in the open."""
    lines = {
        "spark.authenticate": "true",
        "spark.authenticate.secret": secrets.token_hex(24),
        "spark.network.crypto.enabled": "true",
        # an executor as an embedded one: for minutes of work on few cores Java's optimising compiler takes more than it gives
        "spark.executor.defaultJavaOptions": SHORT_RUN,
        "spark.buffer.pageSize": "1m",
        "spark.broadcast.blockSize": "256k",
        "spark.executor.memory": "512m",
        "spark.executor.cores": "1",
        # the master listens on every address of its container, and so can't name one
        "spark.worker.preferConfiguredMasterAddress": "true",
        # no task starts before all executors are there: each gets its share
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    }
    private(folder / "spark-defaults.conf", "".join(f"{name} {value}\n" for name, value in lines.items()))


def prometheus(folder: Path, services: list[str], counters: str, dashboard: str) -> None:
    """The server's password as a hash, and its targets: the cluster's own, and an empty folder for those of notebooks.

    Args:
        services: those that were started.
        counters, dashboard: ports of the proxy's counters, and of Dask's scheduler.
    """
    password = os.environ["PROMETHEUS_PASSWORD"].encode()
    hashed = bcrypt.hashpw(password, bcrypt.gensalt(10)).decode()
    private(folder / "web.yml", yaml.safe_dump({"basic_auth_users": {"companion": hashed}}))
    (folder / "targets").mkdir(exist_ok=True)
    groups = [
        {"targets": [f"127.0.0.1:{counters}"], "labels": {"job": job, "__metrics_path__": COUNTED[job]}}
        for job in services
        if job in COUNTED
    ]
    if "dask_scheduler" in services:
        groups.append({"targets": [f"127.0.0.1:{dashboard}"], "labels": {"job": "dask"}})
    place = folder / "cluster" / "cluster.json"
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps(groups, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="PROMETHEUS_PASSWORD has to be set.")
    parser.add_argument("folder", type=Path, help="where to")
    parser.add_argument("--services", nargs="+", default=[], help="compose services that run")
    parser.add_argument("--counters", default="8082", help="port of the services' counters")
    parser.add_argument("--dashboard", default="8787", help="port of Dask's dashboard")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    tls(chosen.folder / "tls")
    spark(chosen.folder / "spark")
    prometheus(chosen.folder / "prometheus", chosen.services, chosen.counters, chosen.dashboard)


if __name__ == "__main__":
    main()
