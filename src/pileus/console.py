"""What a process answers beside the OpenStack APIs: discovery, health, metrics and its operator.

Operator paths (`/pileus/…`) want the key that stands in the state directory, which only the user
who started the cloud can read.
"""

import hmac
import os
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from . import compute, hosts, identity, image, network, placement
from .core.auditor import Report
from .core.census import living
from .core.db import Database, Tx
from .core.errors import BadRequest, Forbidden, MethodNotAllowed, Unavailable
from .core.metrics import Sample
from .version import VERSION
from .wire.context import Request, Response
from .wire.dispatch import Dispatcher

if TYPE_CHECKING:
    from .app import App

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_SAMPLERS: tuple[Callable[[Tx], Iterable[Sample]], ...] = (
    identity.samples,
    image.samples,
    placement.samples,
    network.samples,
    compute.samples,
)
_LONGEST_TOKEN = 24 * 30
_LARGEST_FLEET = 100_000
KEY_FILE = "control.key"


class Console:
    """Answers paths outside the services, and counts what the services answer."""

    def __init__(self, app: "App", dispatcher: Dispatcher) -> None:
        self._app, self._dispatcher = app, dispatcher
        self._registry = CollectorRegistry()
        self._seconds = Histogram(
            "http_server_request_duration_seconds",
            "Time from a request's arrival to the end of its answer.",
            ["openstack_service", "http_route", "http_request_method"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._answers = Counter(
            "pileus_http_answers",
            "Answers by status.",
            ["openstack_service", "http_response_status_code"],
            registry=self._registry,
        )
        Gauge(
            "pileus_connected_hosts",
            "Hosts whose agents are connected to this process.",
            registry=self._registry,
        ).set_function(lambda: 0 if app.listener is None else app.listener.connected)
        self._registry.register(_Rows(app))
        self._key = operator_key(app.config.state)
        self._paths: dict[str, Callable[[Request], Response]] = {
            "/": self._versions,
            "/healthz": lambda _r: Response(200, {"status": "ok"}),
            "/readyz": self._ready,
            "/metrics": self._metrics,
            "/pileus/status": self._status,
            "/pileus/audit": self._audit,
            "/pileus/explain": self._explain,
            "/pileus/agents": self._agents,
            "/pileus/agents/token": self._token,
            "/pileus/agents/remove": self._remove,
        }

    def observe(self, service: str, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._seconds.labels(service, route, method).observe(seconds)
        self._answers.labels(service, str(status)).inc()

    def answer(self, request: Request) -> Response | None:
        """The answer to a path of the console's own, else None. Raises Forbidden."""
        path = request.path.rstrip("/") or "/"
        found = self._paths.get(path)
        if found is None:
            return None
        if path.startswith("/pileus/"):
            key = request.headers.get("x-pileus-key", "")
            if not hmac.compare_digest(key.encode(), self._key.encode()):
                raise Forbidden(f"This wants the key in the state directory's {KEY_FILE}.")
        return found(request)

    def _versions(self, request: Request) -> Response:
        services = [
            {"type": s.type, "name": s.name, "href": f"{request.base}{s.path}/"}
            for s in sorted(self._dispatcher.services, key=lambda s: s.type)
        ]
        return Response(200, {"name": "pileus", "services": services})

    def _ready(self, _request: Request) -> Response:
        try:
            self._app.db.read(lambda tx: tx.count(identity.Project))
        except Exception as problem:
            raise Unavailable(f"The database does not answer: {problem}") from problem
        return Response(200, {"status": "ready"})

    def _metrics(self, _request: Request) -> Response:
        return Response(200, generate_latest(self._registry), media="text/plain; version=0.0.4")

    def _status(self, _request: Request) -> Response:
        facts = self._app.machine.compute.facts()
        counts = self._app.db.read(compute.counts)
        body: dict[str, Any] = {
            "pid": os.getpid(),
            "up_seconds": round(time.time() - self._app.started),
            "simulated": self._app.config.simulate,
            "accelerator": facts.accelerator,
            "hypervisor": facts.hypervisor_type,
            "network": self._app.machine.network.name,
            "host": facts.hostname,
            "vcpus": facts.vcpus,
            "memory_mb": facts.memory_mb,
            "disk_gb": facts.disk_gb,
            "database": self._app.db.engine.dialect.name,
            "servers": counts,
            "database_ailment": self._app.db.health.ailment,
            "clock_jumped": _jump(self._app),
            "version": VERSION,
            "code": str(Path(__file__).parent),
            "started_at": self._app.started,
            "processes": self._app.db.read(_processes),
            "joined_hosts": self._app.db.read(lambda tx: tx.count(hosts.JoinedHost)),
            "connected_hosts": 0 if self._app.listener is None else self._app.listener.connected,
        }
        return Response(200, body)

    def _audit(self, request: Request) -> Response:
        """GET: look. POST: look, repair and look again, or remove one guest (`?remove-guest=`)."""
        auditor = self._app.auditor
        if request.method != "POST":
            report = auditor.look()
            return Response(200, _report(report))
        guest = request.get("remove-guest")
        if guest:
            compute.remove_guest(self._app.parts, guest)
            return Response(200, _report(auditor.look()))
        before, done, after = auditor.repair()
        repairs = [one.finding.body | {"fault": one.fault} for one in done]
        return Response(200, {"before": _report(before), "done": repairs} | _report(after))

    def _explain(self, request: Request) -> Response:
        """?server=ID, or ?flavor=NAME&count=N&zone=Z: what scheduling makes of it."""
        server, flavor = request.get("server"), request.get("flavor")
        count, zone = request.get("count") or "1", request.get("zone") or ""
        if not (count.isascii() and count.isdigit() and len(count) < 10):
            raise BadRequest(f"The count must be a whole number from 1 on, not {count[:80]!r}.")
        db, scheduler = self._app.db, self._app.parts[compute.Scheduler]
        if server:
            found = db.read(lambda tx: compute.explain_server(tx, scheduler, server))
            return Response(200, found)
        if flavor is None:
            raise BadRequest("Name a server or a flavor.")
        found = db.read(lambda tx: compute.explain_flavor(tx, scheduler, flavor, int(count), zone))
        return Response(200, found)

    def _agents(self, _request: Request) -> Response:
        port = self._app.listener
        found: dict[str, Any] = {
            "listen": self._app.config.agent_listen,
            "connected": 0 if port is None else port.connected,
            "hosts": self._app.db.read(hosts.listed),
            "refused": [
                {"at": one.at.isoformat(timespec="seconds"), "who": one.who, "reason": one.reason}
                for one in ([] if port is None else port.refusals.recent())
            ],
        }
        return Response(200, found)

    def _token(self, request: Request) -> Response:
        """POST ?host=&hours=&many=: a token to join with. Nothing in the query is secret."""
        _only_post(request)
        if not self._app.config.agent_listen:
            raise BadRequest("This cloud has no agent port: `pileus up --agent-listen` opens one.")
        try:
            hours = float(request.get("hours") or 24)
        except ValueError:
            hours = 0.0
        if not 0 < hours <= _LONGEST_TOKEN:
            raise BadRequest(f"hours: a number above 0, at most {_LONGEST_TOKEN}.")
        name = request.get("host") or None
        many = request.get("many") or "0"
        if not many.isdecimal() or int(many) > _LARGEST_FLEET:
            raise BadRequest(f"many: a number of hosts, at most {_LARGEST_FLEET}.")
        if int(many) and not (self._app.config.simulate and name):
            raise BadRequest("A token for many hosts is made in a simulated cloud, for a --host.")
        token = self._app.db.run(lambda tx: hosts.create_token(tx, name, hours, int(many)))
        return Response(201, {"token": str(token), "listen": self._app.config.agent_listen})

    def _remove(self, request: Request) -> Response:
        """POST ?host=: forget a host, unless servers are on it."""
        _only_post(request)
        name = request.get("host") or ""
        self._app.db.run(lambda tx: compute.host_forget(tx, name))
        return Response(200, {"removed": name})


def _only_post(request: Request) -> None:
    if request.method != "POST":
        raise MethodNotAllowed("This is asked by POST.")


def _jump(app: "App") -> dict[str, Any] | None:
    """The last jump of the clock within an hour."""
    jumped = app.clock_watch.jumped
    if jumped is None or app.db.clock.now() - jumped[0] > timedelta(hours=1):
        return None
    return {"at": f"{jumped[0]:%Y-%m-%dT%H:%M:%SZ}", "seconds": round(jumped[1])}


def _processes(tx: Tx) -> list[dict[str, Any]]:
    return [
        {"machine": p.machine, "state": p.state, "pid": p.pid, "version": p.version}
        for p in living(tx)
    ]


def _report(report: Report) -> dict[str, Any]:
    return {"findings": [one.body for one in report.findings], "blind": list(report.blind)}


class _Rows:
    """Metrics counted from rows at the moment of the scrape."""

    def __init__(self, app: "App") -> None:
        self._app = app

    def collect(self) -> Iterable[Metric]:
        """One gauge family a name."""
        samples = self._app.parts[Database].read(
            lambda tx: [sample for sampler in _SAMPLERS for sample in sampler(tx)]
        )
        samples += self._app.auditor.samples()
        families: dict[str, GaugeMetricFamily] = {}
        for sample in samples:
            if sample.name not in families:
                families[sample.name] = GaugeMetricFamily(
                    sample.name, sample.help or sample.name, labels=list(sample.labels)
                )
            families[sample.name].add_metric(list(sample.labels.values()), sample.value)
        return families.values()


def operator_key(state: Any) -> str:
    """The key of the operator's paths, made at the first call."""
    path = state / KEY_FILE
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
    return str(path.read_text())
