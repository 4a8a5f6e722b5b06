"""An OpenID Connect provider of a few lines, whose every answer a test can bend."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa


class OpenId:
    """Answers under `issuer`. Tokens are signed by `key`; `answers` replaces any path's answer."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.opaque: dict[str, dict[str, Any]] = {}  # access tokens and their owners' claims
        self.codes: dict[str, dict[str, Any]] = {}  # codes and the claims of their id tokens
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self.thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, key: Any = None, algorithm: str = "RS256", **claims: Any) -> str:
        """A signed token; claims that are None are left out."""
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": "pileus", "sub": "alice", "iat": now, "exp": now + 300}
        said = {k: v for k, v in (usual | claims).items() if v is not None}
        return jwt.encode(said, key or self.key, algorithm, headers={"kid": "k1"})

    def answer(self, path: str, form: dict[str, str], headers: Any) -> tuple[int, Any]:
        if path in self.answers:
            return self.answers[path]
        bearer = headers.get("Authorization", "").removeprefix("Bearer ")
        if path == "/.well-known/openid-configuration":
            names = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
            found = {f"{k}_endpoint": f"{self.issuer}/{v}" for k, v in names.items()}
            found["introspection_endpoint"] = f"{self.issuer}/introspect"
            return 200, found | {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}
        if path == "/keys":
            public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
            return 200, {"keys": [public | {"kid": "k1", "use": "sig", "alg": "RS256"}]}
        if path == "/userinfo":
            known = self.opaque.get(bearer)
            return (200, known) if known else (401, {"error": "invalid_token"})
        if path == "/introspect":
            owner = self.opaque.get(form.get("token", ""))
            return 200, {"active": False} if owner is None else owner | {"active": True}
        if path == "/token" and form.get("code") in self.codes:
            claims = self.codes.pop(form["code"])
            return 200, {"id_token": self.token(**claims), "token_type": "Bearer"}
        return 404, {"error": "not found"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._any({})

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                self._any({k: v[0] for k, v in parse_qs(data).items()})

            def _any(self, form: dict[str, str]) -> None:
                path = urlsplit(self.path).path
                provider.asked.append((path, form, dict(self.headers)))
                status, body = provider.answer(path, form, self.headers)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"{provider.issuer}/elsewhere")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_args: Any) -> None:
                pass

        return Handler


@contextmanager
def running() -> Iterator[OpenId]:
    made = OpenId()
    try:
        yield made
    finally:
        made.close()
