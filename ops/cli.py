"""The `planwright` command: every command is a few lines that call a module of this package."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pydantic import ValidationError
from pydantic_settings import BaseSettings
from rich.console import Console
from typer.core import TyperGroup

from core.errors import PlanwrightError
from core.settings import SECTIONS
from ops.errors import OpsError
from ops.local import LocalSettings
from ops.stack import LocalStack

console = Console()
errors = Console(stderr=True)


class _Commands(TyperGroup):
    """Turns a refusal into one sentence and exit code 1; anything else is a defect and keeps its traceback."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except (OpsError, PlanwrightError) as error:
            message = str(error)
        except ValidationError as error:
            message = _bad_setting(error)
        errors.print(message, style="red", highlight=False, markup=False, soft_wrap=True)
        raise SystemExit(1)


app = typer.Typer(cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


def _bad_setting(error: ValidationError) -> str:
    """The variable and what is wrong with it; raises the error again when it is not about settings."""
    sections: tuple[type[BaseSettings], ...] = (*SECTIONS, LocalSettings)
    if error.title not in {section.__name__ for section in sections}:
        raise error
    wrong = error.errors(include_input=False)[0]
    return f"{str(wrong['loc'][0]).upper()} has a value that can't be used ({wrong['msg']}): correct it and try again."


@app.command()
def up(
    detach: Annotated[bool, typer.Option(help="Return when everything is green, and leave it running.")] = False,
) -> None:
    """Start everything on this machine and keep it running."""
    stack = LocalStack(console)
    if detach:
        stack.up_detached()
    else:
        stack.up()


@app.command()
def down() -> None:
    """Stop what `up` started."""
    LocalStack(console).down()


@app.command()
def reset() -> None:
    """Stop it and delete its data, mails, logs and generated secrets."""
    LocalStack(console).reset()


@app.command()
def status() -> None:
    """Say what runs; exit code 1 unless everything is green."""
    if not LocalStack(console).status():
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
