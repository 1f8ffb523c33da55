"""What the HTTP edge counts for Prometheus. Children are kept by key, so that a request costs a dictionary lookup."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Figures:
    """Requests by method, route and status; seconds by method and route; requests in flight. One per application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "planwright_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "planwright_http_seconds", "Time to answer.", ("method", "route"), buckets=BUCKETS, registry=self.registry
        )
        self._running = Gauge("planwright_http_running", "Requests in flight.", registry=self.registry)
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def begin(self) -> None:
        """A request came in."""
        self._running.inc()

    def end(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered. `route` is the path's template; unknown methods and paths share one label."""
        self._running.dec()
        key = (method if route != "-" else "-", route, status)
        child = self._children.get(key)
        if child is None:
            child = (self._requests.labels(key[0], route, str(status)), self._seconds.labels(key[0], route))
            self._children[key] = child
        child[0].inc()
        child[1].observe(seconds)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)
