"""`docs/openapi.json`: the API's contract as a file, so that a change of it shows in a review."""

from __future__ import annotations

import json

from api.app import contract


def openapi_text() -> str:
    """The OpenAPI document, keys sorted, as it stands in the repository."""
    return json.dumps(contract(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
