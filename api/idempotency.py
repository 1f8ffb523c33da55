"""The Idempotency-Key at the edge: a route hands over its effect, and the store decides whether it happens.

async def create(body: NewThing, key: IdempotencyKey) -> Response:
    async def effect() -> Response:
        return item(await things.create(body), status=201)
    return await key.once(effect)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from uuid import UUID

from starlette.responses import Response

from core.collections import transaction
from core.errors import PlanwrightError
from services import idempotency
from services.idempotency import Answer, Claim

KEPT_HEADERS = ("content-type", "location", "etag")


class Idempotency:
    """The key of one request, or its absence: then everything simply runs."""

    def __init__(self, key: str | None, route: str, body: bytes) -> None:
        self.key = key
        self.route = route
        self.body_hash = sha256(body).hexdigest() if key else ""

    async def once(self, effect: Callable[[], Awaitable[Response]], *, fingerprint: str | None = None) -> Response:
        """Run the effect in one transaction with the key; it may be rerun, so it only touches the database.

        `fingerprint` stands for the body where that was a form (the file's hash and its fields).
        """
        if self.key is None:
            return await effect()
        held = await idempotency.claim(self.route, self.key, fingerprint or self.body_hash)
        if isinstance(held, Answer):
            return _replayed(held)

        async def answered() -> Answer:
            return _stored(await effect())

        return _sent(await idempotency.once(held, answered))

    async def resumed(
        self, begin: Callable[[], Awaitable[UUID]], run: Callable[[UUID], Awaitable[Response]]
    ) -> Response:
        """For what no transaction can hold: `begin` writes an operation, `run` carries it out by its id.

        After a crash, or a failure that another try may heal, the same key runs the same operation again: `run` must
        be repeatable by id.
        """
        if self.key is None:
            return await run(await begin())
        held = await idempotency.claim(self.route, self.key, self.body_hash)
        if isinstance(held, Answer):
            return _replayed(held)
        try:
            response = await run(held.operation_id or await self._begin(held, begin))
        except PlanwrightError as error:
            await (idempotency.pause(held) if error.retryable else idempotency.release(held))
            raise
        await idempotency.finish(held, _stored(response))
        return response

    async def _begin(self, held: Claim, begin: Callable[[], Awaitable[UUID]]) -> UUID:
        async def action() -> UUID:
            operation_id = await begin()
            await idempotency.attach(held, operation_id)
            return operation_id

        return await transaction(action)


def _stored(response: Response) -> Answer:
    headers = {name: value for name, value in response.headers.items() if name in KEPT_HEADERS}
    return Answer(response.status_code, bytes(response.body), headers)


def _sent(answer: Answer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers))


def _replayed(answer: Answer) -> Response:
    response = _sent(answer)
    response.headers["Idempotent-Replayed"] = "true"
    return response
