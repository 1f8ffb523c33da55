"""What the fuzzing process loads besides schemathesis' own checks: no answer to one company holds anything of another,
and no Idempotency-Key comes twice (the answer would be the old one, about things that may be gone).

`FUZZ_FOREIGN` names a JSON file: `word` stands in all codes and names of the other company, `ids` are its ids.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.core.failures import Failure

FOREIGN = orjson.loads(Path(os.environ["FUZZ_FOREIGN"]).read_bytes())
OTHER = "b"
"""The peer to whom they belong; schemathesis repeats some reads as this one, and takes words from the answers."""
INTENTS = count(1)
LEARNT: set[str] = set()
"""Texts with the word that were sent: what comes back of them was never the other company's."""


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _options: dict[str, Any]) -> None:
    """Make each request an intent of its own, and remember what it says."""
    for name in case.headers:
        if name.lower() == "idempotency-key":
            case.headers[name] = f"{next(INTENTS)}-{case.headers[name]}"
    sent = [case.path_parameters, case.query, case.body]
    LEARNT.update(text.strip() for text in _texts(sent) if FOREIGN["word"] in text)


@schemathesis.check
def nothing_of_another_company(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """No word of the other company, and no id of it but those that the request itself held."""
    if case.auth_identity == OTHER:
        return
    shown = response.content.decode(errors="replace")
    for text in sorted(LEARNT, key=len, reverse=True):
        shown = shown.replace(text, "")
    sent = str(case.as_transport_kwargs())
    found = [FOREIGN["word"]] if FOREIGN["word"] in shown else []
    found += [id for id in FOREIGN["ids"] if id in shown and id not in sent]
    if found:
        raise Failure(
            operation=case.operation.label,
            title="Another company's data",
            message=f"The answer holds of another company: {', '.join(found[:5])}",
        )


def _texts(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for name, value in node.items():
            yield from _texts(name)
            yield from _texts(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _texts(value)
