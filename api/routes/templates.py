"""Templates: empty workbooks for each kind of import, with comments, lists and examples."""

from __future__ import annotations

from api.routing import router_of

router = router_of("templates")
