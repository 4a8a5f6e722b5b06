"""Whole clouds as processes of their own, each a region."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import yaml

from pileus import settings

from ...login import login
from ...ports import free_port

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".federation/bin/python"
V3 = "/identity/v3"
FED = f"{V3}/OS-FEDERATION"


def keystoneauth(**asked: Any) -> dict[str, Any]:
    """What keystoneauth1 makes of a login."""
    script = Path(__file__).parent / "asking.py"
    done = subprocess.run(
        [str(PYTHON), str(script)], input=json.dumps(asked), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


class Region:
    """A simulated cloud that runs as a process, and its admin."""

    def __init__(self, state: Path, name: str) -> None:
        self.state, self.name = state, name
        state.mkdir()
        self._pileus("up", "--simulate", "--no-host", "--port", str(free_port()))
        self.config = settings.load(state)
        self.base, self.password = self.config.base_url, self.config.admin_password
        answer = httpx.post(
            f"{self.base}{V3}/auth/tokens", json=login("admin", self.password), timeout=60
        )
        token = answer.headers["X-Subject-Token"]
        self.admin = httpx.Client(base_url=self.base, headers={"X-Auth-Token": token}, timeout=60)

    def _pileus(self, verb: str, *words: str) -> None:
        more = ["--clouds-file", str(self.state / "clouds.yaml")] if verb == "up" else []
        command = [sys.executable, "-m", "pileus.cli", verb, "--state", str(self.state)]
        done = subprocess.run(
            [*command, *more, *words], capture_output=True, text=True, env=dict(os.environ)
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def close(self) -> None:
        self.admin.close()
        self._pileus("down")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.admin.request(method, f"{V3}/{path}", json=body)
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None

    def role(self, name: str) -> str:
        return str(self.ask("GET", f"roles?name={name}")["roles"][0]["id"])

    def make(self, one: str, many: str, **values: Any) -> str:
        return str(self.ask("POST", many, {one: values})[one]["id"])

    def grant(self, project: str, group: str, role: str = "member") -> None:
        self.ask("PUT", f"projects/{project}/groups/{group}/roles/{self.role(role)}")

    def provider(self, key: str, protocol: str, rules: Any, **more: Any) -> None:
        """An enabled identity provider with a mapping and a protocol."""
        idp = {"enabled": True} | more
        at = f"OS-FEDERATION/identity_providers/{key}"
        self.ask("PUT", at, {"identity_provider": idp})
        self.ask("PUT", f"OS-FEDERATION/mappings/{key}", {"mapping": {"rules": rules}})
        self.ask("PUT", f"{at}/protocols/{protocol}", {"protocol": {"mapping_id": key}})

    def settings(self, **found: Any) -> None:
        (self.state / "federation.yaml").write_text(yaml.safe_dump(found))
