"""What is written down is what is built: settings, error codes, collections, the API's contract."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from core.errors import all_errors
from core.settings import SECTIONS, SettingsError
from ops.documents import GENERATED, ROOT
from ops.error_doc import documented_errors
from ops.local import LocalSettings

VARIABLE = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$")
ALL_SECTIONS: tuple[type[BaseSettings], ...] = (*SECTIONS, LocalSettings)


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_document_is_current(name: str) -> None:
    """If this fails: `planwright openapi`, and look at the difference."""
    assert (ROOT / name).read_text(encoding="utf-8") == GENERATED[name]()


def test_every_setting_is_in_the_example_and_nothing_else() -> None:
    settings = {name.upper() for section in ALL_SECTIONS for name in section.model_fields}
    assert set(_example()) == settings


def test_the_example_holds_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever copies the file unchanged gets what would have been anyway."""
    for name in _example():
        monkeypatch.delenv(name, raising=False)
    for section in ALL_SECTIONS:
        plain = section(_env_file=None)
        copied = section(_env_file=ROOT / ".env.example")
        for name in section.model_fields:
            if name != "planwright_local_dir":
                assert getattr(copied, name) == getattr(plain, name), name


def test_the_example_holds_no_secret() -> None:
    rules = {"PASSWORD_MIN_LENGTH", "PASSWORD_MIN_SCORE"}
    secret = [name for name in _example() if re.search("SECRET|PASSWORD|KEY", name) and name not in rules]
    assert [name for name in secret if _example()[name]] == []


def test_every_setting_is_explained() -> None:
    """A comment above it, or above the block of lines that it belongs to."""
    for block in (ROOT / ".env.example").read_text(encoding="utf-8").split("\n\n"):
        assert block.startswith("#")


def test_every_error_is_of_the_one_tree() -> None:
    documented = set(documented_errors())
    elsewhere = {error for error in all_errors() if error not in documented}
    assert elsewhere <= {SettingsError} | {error for error in elsewhere if error.__module__.startswith("tests.")}


def test_error_codes_are_unique() -> None:
    codes = [error.code() for error in documented_errors()]
    assert len(codes) == len(set(codes))


def _example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return {found[1]: found[2] for line in lines if (found := VARIABLE.match(line))}
