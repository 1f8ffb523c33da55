"""Progress of long work on the terminal: a bar for each of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from seed.importing import Step


@contextmanager
def shown_steps(console: Console) -> Iterator[Step]:
    """What the work tells its steps to; a step's bar appears when it is first heard of, and stops when it is done.

    Where nobody looks at a terminal, a line says that a step begins.
    """
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        tasks: dict[str, TaskID] = {}

        def tell(step: str, done: int, total: int | None) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(step, total=total)
            progress.update(tasks[step], completed=done, total=total)

        yield tell


def _lines(console: Console) -> Step:
    heard: set[str] = set()

    def tell(step: str, done: int, total: int | None) -> None:
        if step not in heard:
            heard.add(step)
            console.print(f"{step} ...", highlight=False, markup=False)

    return tell
