"""The `planwright` command: every command is a few lines that call a module of this package."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from pydantic_settings import BaseSettings
from rich.console import Console
from typer.core import TyperGroup

from core.errors import PlanwrightError
from core.settings import SECTIONS, load_settings
from ops import accounts
from ops.demo import seed_demo
from ops.documents import ROOT, write_documents
from ops.errors import OpsError
from ops.local import LocalSettings
from ops.retail import load_retail
from ops.server import run as run_api
from ops.setup import set_up
from ops.stack import LocalStack
from ops.worker import run_worker
from planning.defaults import DEFAULTS
from seed.demo import SEED, SLUG, DemoOrder

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


@app.command()
def api() -> None:
    """Serve the HTTP API."""
    run_api(load_settings())


@app.command()
def worker() -> None:
    """Run workflows and activities."""
    asyncio.run(run_worker(load_settings()))


@app.command()
def setup(
    demo: Annotated[bool, typer.Option("--demo", help="Make the demo company, too, unless it is there.")] = False,
) -> None:
    """Bring database and Temporal to what this version needs; safe to run again."""
    settings = accounts.settings_here()
    asyncio.run(set_up(settings, console.print))
    if demo:
        asyncio.run(seed_demo(settings, DemoOrder(), console))


@app.command()
def seed(
    number: Annotated[int, typer.Option("--seed", help="Seed number: another one gives another company.")] = SEED,
    month: Annotated[
        str | None, typer.Option(help="Reference month like 2026-11: history ends before it. Default: this month.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="Short name of the company.")] = SLUG,
) -> None:
    """Make the demo company; its logins get the password in DEMO_PASSWORD. Run again, it finishes or does nothing."""
    settings = accounts.settings_here()
    asyncio.run(seed_demo(settings, DemoOrder(seed=number, reference_month=month, slug=tenant), console))


@app.command()
def create_tenant(
    slug: Annotated[str, typer.Argument(help="Short name: small letters, digits, hyphens.")],
    name: Annotated[str, typer.Argument(help="Name of the company.")],
    currency: Annotated[str, typer.Option(help="Base currency, ISO 4217.")] = DEFAULTS.base_currency,
    time_zone: Annotated[str, typer.Option(help="IANA time zone of its deadlines.")] = DEFAULTS.time_zone,
) -> None:
    """Make a company."""
    tenant = asyncio.run(accounts.create_tenant(accounts.settings_here(), slug, name, currency, time_zone))
    console.print(f"Made the company {tenant.name} ({tenant.slug}).", markup=False)


@app.command()
def create_superuser(
    tenant: Annotated[str, typer.Argument(help="Short name of the company.")],
    email: Annotated[str, typer.Argument(help="E-mail address to sign in with.")],
    name: Annotated[str, typer.Option(help="Name of the person.")] = "Administrator",
    password: Annotated[
        str,
        typer.Option(
            prompt=True,
            show_default=False,
            hide_input=True,
            confirmation_prompt=True,
            envvar="SUPERUSER_PASSWORD",
            show_envvar=True,
            help="Asked for when it is not given.",
        ),
    ] = "",
) -> None:
    """Make an admin of a company, who can sign in at once."""
    user = asyncio.run(accounts.create_superuser(accounts.settings_here(), tenant, email, name, password))
    console.print(f"{user.email} can sign in as an admin of {tenant}.", markup=False)


@app.command("load-retail")
def load_retail_file(
    file: Annotated[Path, typer.Argument(help="The Online Retail data, .csv or .csv.gz.")],
    tenant: Annotated[str, typer.Option(help="Short name of the company; made, in pounds, when there is none.")] = (
        "online-retail"
    ),
) -> None:
    """Load a year of real sales: half a million lines of a British wholesaler."""
    asyncio.run(load_retail(accounts.settings_here(), file, tenant, console))


@app.command()
def openapi() -> None:
    """Write the documents that are generated anew: the API's contract, the collections, the error codes."""
    for path in write_documents():
        console.print(f"Wrote {path.relative_to(ROOT)}.", markup=False)


if __name__ == "__main__":
    app(prog_name="planwright")
