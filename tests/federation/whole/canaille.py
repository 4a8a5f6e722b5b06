"""Canaille, an OpenID Connect provider from PyPI, as a process with a user and a client."""

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

from ...ports import free_port
from ...wait import until
from .regions import ROOT

SCRIPT = ROOT / ".federation/bin/canaille"
USER, PASSWORD, SECRET = "alice", "correct-horse-battery", "client-secret-1"


class Canaille:
    """Its client is `pileus`, which may use every grant that there is."""

    def __init__(self, folder: Path, redirect_uri: str) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._file = folder / "canaille.toml"
        head = f"""SECRET_KEY = "0123456789abcdef0123456789abcdef"
SERVER_NAME = "127.0.0.1:{self.port}"
PREFERRED_URL_SCHEME = "http"
[CANAILLE]
DATABASE = "sql"
[CANAILLE_SQL]
DATABASE_URI = "sqlite:///{folder}/canaille.db"
[CANAILLE_OIDC]
"""
        self._file.write_text(head)
        key = json.loads(self._run("jwk", "create", "rsa").splitlines()[-1])
        listed = ", ".join(f'{name} = "{value}"' for name, value in key.items())
        self._file.write_text(f"{head}ACTIVE_JWKS = [{{{listed}}}]\n")
        self._run("install")
        words = ["--user-name", USER, "--password", PASSWORD, "--family-name", "A"]
        self._run(
            "create", "user", *words, "--formatted-name", "Alice", "--emails", "a@example.com"
        )
        client = ["--client-id", "pileus", "--client-secret", SECRET, "--client-name", "Pileus"]
        client += [
            "--token-endpoint-auth-method",
            "client_secret_basic",
            "--response-types",
            "code",
        ]
        client += ["--redirect-uris", redirect_uri]
        for grant in ("password", "client_credentials", "authorization_code"):
            client += ["--grant-types", grant]
        for scope in ("openid", "profile", "email"):
            client += ["--scope", scope]
        made = json.loads(self._run("create", "client", *client).splitlines()[-1])
        self._run("set", "client", "pileus", "--audience", made["id"])
        self._log = (folder / "canaille.log").open("w")
        self._process = subprocess.Popen(
            [str(SCRIPT), "run", "--bind", f"127.0.0.1:{self.port}"],
            env=self._env(),
            stdout=self._log,
            stderr=self._log,
        )
        until(self._answers, "Canaille to answer", 60)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()

    def discovery(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"

    def log_in(self, where: str) -> str:
        """Go through the pages as a browser does; the URL to which it sends the browser back."""
        with httpx.Client(timeout=60) as browser:
            answer = browser.get(where)
            for _ in range(10):
                if answer.status_code in (301, 302, 303, 307):
                    there = str(answer.next_request.url) if answer.next_request else ""
                    if not there.startswith(self.issuer):
                        return there
                    answer = browser.get(there)
                    continue
                answer = browser.post(str(answer.url), data=self._form(answer.text))
            raise AssertionError(f"no way back from {answer.url}: {answer.text[:2000]}")

    def _form(self, page: str) -> dict[str, str]:
        found = {}
        for tag in re.findall(r"<input[^>]*>", page):
            name = re.search(r'\bname="([^"]*)"', tag)
            value = re.search(r'\bvalue="([^"]*)"', tag)
            if name is not None:
                found[name[1]] = value[1] if value is not None else ""
        if "login" in found:
            found["login"] = USER
        if "password" in found:
            found["password"] = PASSWORD
        button = "accept" if 'value="accept"' in page else ""
        return found | ({"answer": button} if button else {})

    def _env(self) -> dict[str, str]:
        return os.environ | {"CANAILLE_CONFIG": str(self._file)}

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [str(SCRIPT), *words], env=self._env(), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def _answers(self) -> bool:
        try:
            return httpx.get(self.discovery(), timeout=5).status_code == 200
        except httpx.HTTPError:
            time.sleep(0.2)
            return False


def oidc(provider: Any, **more: Any) -> dict[str, Any]:
    """The settings of a cloud that uses it."""
    known = {"kind": "oidc", "issuer": provider.issuer, "client_id": "pileus"}
    return known | {"client_secret": SECRET} | more
