"""A throw-away slapd with a small company in it."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from ..ports import free_port
from ..wait import until
from .assertions import Signer

SLAPD = Path("/usr/sbin/slapd")
BASE = "dc=example,dc=org"
ADMIN, ADMIN_PASSWORD = f"cn=admin,{BASE}", "directory-secret"
_CONF = """include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
sizelimit size.soft=50 size.hard=50 size.prtotal=unlimited
TLSCertificateFile {folder}/cert.pem
TLSCertificateKeyFile {folder}/key.pem
database mdb
suffix "{base}"
rootdn "{admin}"
rootpw {password}
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.base="cn=reader,{base}" read by anonymous auth by * none
"""


def person(name: str, password: str, **more: str) -> str:
    """The LDIF of a user."""
    lines = [
        f"dn: uid={name},ou=people,{BASE}",
        "objectClass: inetOrgPerson",
        f"uid: {name}",
        f"cn: {name}",
        f"sn: {name.title()}",
        f"mail: {name}@example.org",
        f"userPassword: {password}",
        *(f"{k}: {v}" for k, v in more.items()),
    ]
    return "\n".join(lines) + "\n"


def team(name: str, *members: str) -> str:
    """The LDIF of a group."""
    lines = [f"dn: cn={name},ou=teams,{BASE}", "objectClass: groupOfNames", f"cn: {name}"]
    lines.append(f"ou: {name}")
    lines += [f"member: uid={one},ou=people,{BASE}" for one in members]
    return "\n".join(lines) + "\n"


def installed() -> bool:
    try:
        import ldap

        assert ldap
    except ImportError:
        return False
    return SLAPD.exists()


class Slapd:
    """Answers `url` and `tls_url`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slapd-"))
        (self.folder / "data").mkdir()
        self._certificate()
        conf = self.folder / "slapd.conf"
        conf.write_text(
            _CONF.format(folder=self.folder, base=BASE, admin=ADMIN, password=ADMIN_PASSWORD)
        )
        plain, tls = free_port(), free_port()
        self.url, self.tls_url = f"ldap://127.0.0.1:{plain}", f"ldaps://127.0.0.1:{tls}"
        self._process = subprocess.Popen(
            [str(SLAPD), "-f", str(conf), "-h", f"{self.url} {self.tls_url}", "-d", "0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._answers, "slapd to answer", 30)
        units = "".join(
            f"dn: ou={ou},{BASE}\nobjectClass: organizationalUnit\nou: {ou}\n\n"
            for ou in ("people", "teams")
        )
        top = f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: E\ndc: example\n\n"
        reader = f"dn: cn=reader,{BASE}\nobjectClass: person\ncn: reader\nsn: r\n"
        self.add(top + units + reader + "userPassword: reader-secret\n")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        shutil.rmtree(self.folder)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)

    def add(self, ldif: str) -> None:
        """Add the entries of an LDIF."""
        from ldif import LDIFRecordList

        records = LDIFRecordList(BytesIO(ldif.encode()))
        records.parse()
        with self._admin() as connection:
            for dn, entry in records.all_records:
                connection.add_s(dn, list(entry.items()))

    def replace(self, dn: str, name: str, *values: str) -> None:
        """Give an attribute other values."""
        import ldap

        with self._admin() as connection:
            some = [value.encode() for value in values] or None
            connection.modify_s(dn, [(ldap.MOD_REPLACE, name, some)])

    def remove(self, dn: str) -> None:
        """Remove an entry."""
        with self._admin() as connection:
            connection.delete_s(dn)

    @contextmanager
    def _admin(self) -> Iterator[Any]:
        import ldap

        connection = ldap.initialize(self.url)
        connection.simple_bind_s(ADMIN, ADMIN_PASSWORD)
        yield connection
        connection.unbind_s()

    def _answers(self) -> bool:
        import ldap

        connection = ldap.initialize(self.url)
        try:
            connection.simple_bind_s(ADMIN, ADMIN_PASSWORD)
        except ldap.SERVER_DOWN:
            return False
        connection.unbind_s()
        return True

    def _certificate(self) -> None:
        made = Signer("127.0.0.1")
        (self.folder / "cert.pem").write_text(made.pem)
        key = made.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        (self.folder / "key.pem").write_bytes(key)
