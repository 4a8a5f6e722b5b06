"""A web server of this machine that answers what a test tells it to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Web:
    base: str = ""
    files: dict[str, bytes | Path] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None  # bytes after which the connection breaks
    asked: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)  # the body waits for it


def handler(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append(self.path)
            if self.path in web.redirects:
                self.send_response(302)
                self.send_header("Location", web.redirects[self.path])
                self.end_headers()
                return
            if self.path not in web.files:
                self.send_error(404)
                return
            found = web.files[self.path]
            data = found.read_bytes() if isinstance(found, Path) else found
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            for name, value in web.headers.items():
                self.send_header(name, value)
            self.end_headers()
            web.gate.wait(30)
            self.wfile.write(data if web.cut is None else data[: web.cut])

        def log_message(self, *_args: object) -> None:
            pass

    return Handler


@contextmanager
def serving() -> Iterator[Web]:
    web = Web()
    web.gate.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(web))
    web.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        web.gate.set()
        server.shutdown()
        server.server_close()
