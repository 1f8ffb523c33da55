"""The API as a process of its own: it serves, it names no server, and it ends when it is told to."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import httpx

from core.mongo import Mongo
from core.settings import Settings
from ops.embedded import free_port, port_answers
from ops.processes import last_lines, spawn, wait_until

START_SECONDS = 30.0


def test_the_api_serves_and_ends_in_order(settings: Settings, mongo: Mongo, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "api.log"
    environment = {**os.environ, "API_PORT": str(port)}
    process = spawn([sys.executable, "-m", "ops.cli", "api"], log=log, env=environment)
    try:
        assert wait_until(lambda: port_answers(port), within=START_SECONDS), last_lines(log)
        assert httpx.get(f"http://127.0.0.1:{port}/api/v1/health/db").status_code == 200
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/customers", headers={"User-Agent": "a\tb"})
        assert answer.status_code == 401
        assert "server" not in answer.headers
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=15)
        assert answer.headers["x-request-id"] in log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()


def test_the_api_refuses_to_start_without_a_secret(tmp_path: Path) -> None:
    """T05."""
    log = tmp_path / "api.log"
    process = spawn([sys.executable, "-m", "ops.cli", "api"], log=log, env={**os.environ, "JWT_SECRET": "changeme"})
    assert process.wait(timeout=START_SECONDS) == 1
    assert "JWT_SECRET" in log.read_text()
    assert "Traceback" not in log.read_text()
