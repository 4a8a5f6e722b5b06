"""What the campaign is fought on: a control plane and a fleet in processes, and cables to cut."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pileus.config import Config
from pileus.pidfile import running
from pileus.settings import load
from pileus.sim import Plan
from pileus.sim.fleet import Fleet

from ..agent.fleet import Relay
from ..login import login
from ..ports import free_port
from ..wait import until
from .client import FLAVORS, Client
from .plan import Disturbance
from .wire import Tally, Wire

PASSWORD = "campaign-secret"
FLAVOR_IDS = {"m1.nano": "42", "m1.tiny": "1", "m1.small": "2"}


class Ground:
    """A simulated cloud, its fleet, and projects with clients."""

    def __init__(self, folder: Path, seed: int, hosts: int, database: str = "") -> None:
        self.state, self.tally = folder / "cloud", Tally()
        self._port, self._agents = free_port(), free_port()
        words = ["--simulate", "--port", str(self._port)]
        words += ["--agent-listen", f"127.0.0.1:{self._agents}"]
        words += ["--clouds-file", str(folder / "clouds.yaml")]
        words += ["--database", database] if database else []
        self.pileus("up", *words)
        self.api, self.cable = Relay(self._port), Relay(self._agents)
        query = ["--host", "sim", "--many", str(hosts), "--quiet"]
        token = self.pileus("agent", "token", "create", *query).strip()
        self.hosts = folder / "hosts"
        self.fleet = Fleet(
            Plan(
                server=f"127.0.0.1:{self.cable.port}",
                folder=str(self.hosts),
                name="sim",
                hosts=hosts,
                processes=2,
                token=token,
                fail=0.02,
                delay=0.005,
                churn=0.05,
                away=5.0,
                resync=10.0,
                seed=seed,
                vcpus=8,
                memory_gb=16,
            )
        )
        self.wanted = hosts
        until(self.all_connected, "every host to connect", 120)
        self.admin = Wire(self._port, self.tally)
        self.login(self.admin, "admin", "admin")
        self._only_the_fleet()

    def _only_the_fleet(self) -> None:
        """The control plane's own host, which has more room than all others, takes no server."""
        services = "/compute/v2.1/os-services"
        for one in self.admin.surely("GET", services)[1]["services"]:
            if not one["host"].startswith("sim-"):
                self.admin.surely("PUT", f"{services}/{one['id']}", {"status": "disabled"})

    @property
    def config(self) -> Config:
        return load(self.state)

    def pileus(self, *words: str) -> str:
        """Run a command; its output."""
        command = [sys.executable, "-m", "pileus.cli", *words, "--state", str(self.state)]
        given = os.environ | {"PILEUS_ADMIN_PASSWORD": PASSWORD}
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=given)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def all_connected(self) -> bool:
        return self.fleet.count("connected") == self.wanted

    def audit(self) -> list[dict[str, Any]]:
        """What `pileus audit` finds."""
        command = [sys.executable, "-m", "pileus.cli", "audit", "--json", "--state"]
        done = subprocess.run([*command, str(self.state)], capture_output=True, text=True)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    # Tenants.

    def login(self, wire: Wire, user: str, project: str) -> str:
        """Give the wire a token; the project's id."""
        body = login(user, PASSWORD, project)
        _, found, headers = wire.surely("POST", "/identity/v3/auth/tokens", body)
        wire.token = headers["x-subject-token"]
        return str(found["token"]["project"]["id"])

    def clients(self, projects: int, each: int) -> dict[str, list[Client]]:
        """By project, clients that share its quota and its network."""
        found = {}
        for number in range(projects):
            name = f"tenant-{number}"
            project = self._project(name)
            first = Wire(self.api.port, self.tally)
            self.login(first, name, name)
            ground = self._stand(first)
            found[project] = []
            for at in range(each):
                wire = Wire(self.api.port, self.tally)
                wire.token = first.token
                admin = Wire(self.api.port, self.tally)
                admin.token = self.admin.token
                found[project].append(Client(f"c{number}.{at}", wire, admin, ground))
        return found

    def _project(self, name: str) -> str:
        v3 = "/identity/v3"
        ask = self.admin.surely
        project = ask("POST", f"{v3}/projects", {"project": {"name": name}})[1]["project"]["id"]
        body = {"user": {"name": name, "password": PASSWORD}}
        user = ask("POST", f"{v3}/users", body)[1]["user"]["id"]
        role = ask("GET", f"{v3}/roles?name=member")[1]["roles"][0]["id"]
        ask("PUT", f"{v3}/projects/{project}/users/{user}/roles/{role}")
        return str(project)

    def _stand(self, wire: Wire) -> dict[str, Any]:
        """The network, the router and the ids that a project's clients stand on."""
        v2, ask = "/network/v2.0", wire.surely
        public = ask("GET", f"{v2}/networks?router:external=true")[1]["networks"][0]["id"]
        network = ask("POST", f"{v2}/networks", {"network": {"name": "ground"}})[1]["network"]["id"]
        subnet = {"network_id": network, "cidr": "10.1.0.0/24", "ip_version": 4, "name": "ground"}
        made = ask("POST", f"{v2}/subnets", {"subnet": subnet})[1]["subnet"]["id"]
        gateway = {"network_id": public}
        router = {"router": {"name": "ground", "external_gateway_info": gateway}}
        key = ask("POST", f"{v2}/routers", router)[1]["router"]["id"]
        ask("PUT", f"{v2}/routers/{key}/add_router_interface", {"subnet_id": made})
        image = ask("GET", "/image/v2/images")[1]["images"][0]["id"]
        return {name: FLAVOR_IDS[name] for name in FLAVORS} | {
            "network": network,
            "public": public,
            "image": image,
        }

    # What breaks. Each ends with everything whole again.

    def disturb(self, what: Disturbance) -> None:
        """Let it happen and wait until it is over."""
        getattr(self, f"_{what.name}")(what)

    def _pid(self) -> int:
        pid = running(self.state)
        assert pid is not None, f"the control plane died by itself: {self.log()[-3000:]}"
        return pid

    def log(self) -> str:
        return (self.state / "log/pileus.log").read_text(errors="replace")

    def _kill_control(self, what: Disturbance) -> None:
        os.kill(self._pid(), signal.SIGKILL)
        until(lambda: running(self.state) is None, "the control plane to die", 30)
        self.pileus("up")

    def _stop_control(self, what: Disturbance) -> None:
        self._pause(self._pid(), what.lasts)

    def _slow_control(self, what: Disturbance) -> None:
        pid, ends = self._pid(), time.monotonic() + what.lasts
        while time.monotonic() < ends:
            self._pause(pid, 0.05)
            time.sleep(0.03)

    def _pause(self, pid: int, seconds: float) -> None:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    def _cut_api(self, what: Disturbance) -> None:
        self.api.cut()
        time.sleep(what.lasts / 10)
        self.api.mend()

    def _cut_agents(self, what: Disturbance) -> None:
        self.cable.cut()
        time.sleep(what.lasts)
        self.cable.mend()

    def _dangle_agents(self, what: Disturbance) -> None:
        self.cable.dangle()
        time.sleep(what.lasts)
        self.cable.mend()

    def _kill_sim(self, what: Disturbance) -> None:
        number = what.which % len(self.fleet.processes)
        self.fleet.processes[number].kill()
        time.sleep(what.lasts)
        self.fleet.restart(number)

    def _stop_sim(self, what: Disturbance) -> None:
        self._pause(self.fleet.processes[what.which % len(self.fleet.processes)].pid, what.lasts)

    def _cut_database(self, what: Disturbance) -> None:
        """PostgreSQL ends every connection; SQLite's file is somebody else's for a while."""
        engine = sa.create_engine(self.config.database_url)
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                time.sleep(what.lasts)
                connection.exec_driver_sql("ROLLBACK")
            else:
                connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        engine.dispose()

    def guests(self) -> dict[str, set[str]]:
        """By host the guests that its disk remembers."""
        found: dict[str, set[str]] = {}
        for file in self.hosts.glob("sim-*/simulated-guests.jsonl"):
            there = found.setdefault(file.parent.name, set())
            for line in file.read_text().split("\n")[:-1]:
                record = json.loads(line)
                (there.discard if record.get("gone") else there.add)(record["id"])
        return found

    def close(self) -> None:
        self.fleet.stop()
        self.api.close()
        self.cable.close()
        self.pileus("down")
