"""Workflow files are pure: they load in Temporal's sandbox, and what they import from us is passed through and tame."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from ops.documents import ROOT

CLIENT_SIDE = {"__init__.py", "client.py", "contracts.py", "policies.py"}
FILES = sorted(path for path in (ROOT / "workflows").glob("*.py") if path.name not in CLIENT_SIDE)
OURS = {"activities", "api", "core", "integrations", "models", "ops", "planning", "reports", "seed", "services"}
MAY_IMPORT = ("planning", "core.errors", "workflows")


def _definitions() -> list[Any]:
    """The workflow classes of all files."""
    found = []
    for path in FILES:
        module = importlib.import_module(f"workflows.{path.stem}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            definition = workflow._Definition.from_class(kind)
            if definition is not None and kind.__module__ == module.__name__:
                found.append(definition)
    return found


@pytest.mark.parametrize("definition", _definitions(), ids=lambda definition: definition.name)
async def test_a_workflow_loads_in_the_sandbox(definition: Any) -> None:
    SandboxedWorkflowRunner().prepare_workflow(definition)


@pytest.mark.parametrize("definition", _definitions(), ids=lambda definition: definition.name)
def test_a_workflow_has_an_explicit_name(definition: Any) -> None:
    """Names are history: kebab-case, and not the name of the class."""
    assert definition.name == definition.name.lower()
    assert definition.name != definition.cls.__name__


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_a_workflow_imports_of_ours_is_pure_and_passed_through(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    passed = {id(node) for block in _passed_through(tree) for node in ast.walk(block)}
    assert len(_passed_through(tree)) <= 1
    for node in ast.walk(tree):
        for name in _imported(node):
            if name.partition(".")[0] in OURS | {"workflows"}:
                assert id(node) in passed, f"{name} is not passed through"
                assert name.startswith(MAY_IMPORT), f"{name} does not belong into a workflow"


def _passed_through(tree: ast.Module) -> list[ast.With]:
    return [
        node
        for node in tree.body
        if isinstance(node, ast.With) and "imports_passed_through" in ast.unparse(node.items[0].context_expr)
    ]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
