"""Counts for Prometheus. A label is a name of ours: nothing that a client sends becomes one."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """The counts of one server."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mentallama_requests",
            "Requests answered.",
            ["method", "path", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "mentallama_request_seconds",
            "Time from a request's first byte to the end of the reply.",
            ["path"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._posts = Counter(
            "mentallama_posts", "Posts analysed.", ["model"], registry=self._registry
        )
        queue = Gauge("mentallama_queue", "Requests that wait.", registry=self._registry)
        queue.set_function(waiting)

    def count_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one request; ``path`` is a template of ours."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def count_posts(self, model: str, posts: int) -> None:
        """Count posts that a model has analysed."""
        self._posts.labels(model).inc(posts)

    def render(self) -> bytes:
        """Return all counts in Prometheus's text format."""
        return generate_latest(self._registry)
