"""What the undo of an import is made of: batches of its journal, what setting one back means now (a step), and the way
in which what stands in a collection is set back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from bson.binary import Binary

from core.mongo import RawDocument
from planning.months import Month
from planning.undoing import Obstacle
from services.import_journal import Id, Noted


@dataclass(slots=True)
class Counts:
    """Rows by what an undo does to them: new ones are removed, changed ones restored, removed ones put back; `blocked`
    ones stay as they are. Of forecasts and past forecasts these are cells."""

    removed: int = 0
    restored: int = 0
    put_back: int = 0
    blocked: int = 0

    @property
    def rows(self) -> int:
        return self.removed + self.restored + self.put_back + self.blocked

    def plus(self, other: Counts) -> Counts:
        return Counts(**{name: value + getattr(other, name) for name, value in asdict(self).items()})


@dataclass(frozen=True, slots=True)
class Undoing:
    """Which import is undone, and when that was asked for: locks are judged by it."""

    import_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """The parts of the journal that are set back together, and were not yet. `sheet_id`: they are about this sheet."""

    name: str
    parts: Sequence[RawDocument]
    sheet_id: Binary | None = None

    @property
    def noted(self) -> Noted:
        """What they say of documents."""
        return Noted.of(self.parts)


@dataclass(frozen=True, slots=True)
class Whole:
    """All that one undo takes away or sets back in a collection: ids of new documents, and of others what they will
    say again."""

    created: frozenset[bytes] = frozenset()
    before: Mapping[bytes, Mapping[str, Any]] = field(default_factory=dict)

    def as_undone(self, document: RawDocument) -> RawDocument | None:
        """The document as it will be; None when it will be gone."""
        id = bytes(document["_id"])
        return None if id in self.created else {**document, **self.before.get(id, {})}


@dataclass(frozen=True, slots=True)
class Blocked:
    """A row that can't be set back, or the cell of a `month`: its document as it is (None: it is gone), and why.

    `rows`: how many it stands for; a sheet that can't be written blocks all of its cells.
    """

    id: Id
    document: RawDocument | None
    obstacle: Obstacle
    reason: str = ""
    month: Month | None = None
    rows: int = 1


class Step(ABC):
    """What setting back a batch means now."""

    blocked: list[Blocked]

    @property
    @abstractmethod
    def counts(self) -> Counts:
        """What it does, in numbers."""

    @property
    def months(self) -> set[Month]:
        """The months whose sales lines change."""
        return set()

    def marks(self) -> RawDocument:
        """What the batch remembers of having been set back."""
        return {}


S = TypeVar("S", bound=Step)


class Way(ABC, Generic[S]):
    """How what imports did to one collection is set back."""

    async def untouched(self, undoing: Undoing, batch: Batch) -> Counts | None:
        """The counts of a batch that nothing stands against, where that can be told without reading each row."""
        return None

    @abstractmethod
    async def look(self, undoing: Undoing, batch: Batch, whole: Whole) -> S:
        """What setting back this batch means now. Reads only; inside a transaction it is what will be."""

    async def take_turns(self, step: S) -> None:
        """Meet everybody else who decides on the same things, before anything is read in the transaction."""

    @abstractmethod
    async def write(self, undoing: Undoing, step: S) -> None:
        """Carry the step out, in the caller's transaction."""

    def around(self, undoing: Undoing, step: S) -> AbstractAsyncContextManager[None]:
        """What is done before and after the transaction of a step."""
        return nullcontext()

    async def begin(self, undoing: Undoing) -> None:
        """What a run before this one may have left to do."""

    async def finish(self, undoing: Undoing) -> None:
        """What is left to do when everything is set back. Idempotent."""
