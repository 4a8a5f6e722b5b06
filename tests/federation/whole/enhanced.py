"""A SAML2 identity provider for enhanced clients, of a few lines: it knows one password."""

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lxml import etree

from ..assertions import Signer, assertion, response

USER, PASSWORD = "erika", "erika-secret"
_ASKED = "{urn:oasis:names:tc:SAML:2.0:protocol}AuthnRequest"
_HEAD = (
    '<ecp:Response xmlns:ecp="urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"'
    ' AssertionConsumerServiceURL="{}"/>'
)


class EnhancedProvider:
    """Answers `url`."""

    def __init__(self) -> None:
        self.signer = Signer()
        signer = self.signer

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
                if self.headers.get("Authorization") != f"Basic {pair}":
                    self.send_response(401)
                    self.end_headers()
                    return
                asked = next(etree.fromstring(data).iter(_ASKED))
                to, key = asked.get("AssertionConsumerServiceURL"), asked.get("ID")
                made = response(signer.sign(assertion(to, "a-" + key, USER, request=key)), to)
                xml = etree.tostring(made).decode()
                body = (
                    '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Header>'
                    f"{_HEAD.format(to)}</S:Header><S:Body>{xml}</S:Body></S:Envelope>"
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/ecp"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
