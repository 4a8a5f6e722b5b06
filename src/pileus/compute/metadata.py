"""What a server may know about itself: the EC2 and OpenStack metadata documents.

The metadata service and the config drive show the same documents.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .. import network
from ..core.db import Database, Tx
from ..core.ids import digest
from ..core.parts import Parts
from .demand import dedicated
from .host import ZONE, ComputeHost
from .network_data import network_data
from .server import Server

EC2_VERSIONS = (
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
)
OPENSTACK_VERSIONS = (
    "2012-08-10",
    "2013-04-04",
    "2013-10-17",
    "2015-10-15",
    "2016-06-30",
    "2016-10-06",
    "2017-02-22",
    "2018-08-27",
    "2020-10-14",
)
_LATEST = "latest"
_JSON, _TEXT, _BYTES = "application/json", "text/plain; charset=utf-8", "application/octet-stream"
Answer = tuple[int, str, bytes]


def _zone(tx: Tx, server: Server) -> str:
    host = tx.one(ComputeHost, host=server.host) if server.host else None
    return host.zone if host else server.zone or ZONE


def meta_data(tx: Tx, server: Server) -> dict[str, Any]:
    """OpenStack's meta_data.json."""
    found: dict[str, Any] = {
        "uuid": server.id,
        "name": server.name,
        "hostname": server.hostname,
        "launch_index": server.launch_index,
        "availability_zone": _zone(tx, server),
        "project_id": server.project_id,
        # Seed material for the guest's random numbers: the same for the same server, known to
        # nobody who does not know the database.
        "random_seed": base64.b64encode(_seed(server)).decode(),
        "devices": [],
        "dedicated_cpus": sorted(dedicated(server.flavor, server.image_properties)),
    }
    if server.meta:
        found["meta"] = server.meta
    if server.admin_pass:
        found["admin_pass"] = tx.vault.open(server.admin_pass)
    if server.key_data:
        found["keys"] = [
            {"name": server.key_name, "type": server.key_type, "data": server.key_data}
        ]
        found["public_keys"] = {server.key_name: server.key_data}
    return found


def _seed(server: Server) -> bytes:
    secret = (server.id, server.admin_pass, server.reservation_id)
    return b"".join(bytes.fromhex(digest("seed", *secret, n)) for n in range(64))


def ec2_tree(tx: Tx, server: Server, nics: Sequence[network.NicInfo]) -> dict[str, Any]:
    """EC2's meta-data as a tree: a dict is a folder, a string a file."""
    fixed = [a.ip for nic in nics for a in nic.addresses if ":" not in a.ip]
    floating = _floating(tx, server)
    number = server.id.replace("-", "")[:8]
    found: dict[str, Any] = {
        "ami-id": f"ami-{(server.image_id or '').replace('-', '')[:8]}",
        "ami-launch-index": str(server.launch_index),
        "ami-manifest-path": "(unknown)",
        "block-device-mapping": {"ami": "vda", "root": "/dev/vda"},
        "hostname": server.hostname,
        "instance-action": "none",
        "instance-id": f"i-{number}",
        "instance-type": server.flavor["name"],
        "local-hostname": server.hostname,
        "local-ipv4": fixed[0] if fixed else "",
        "placement": {"availability-zone": _zone(tx, server)},
        "public-hostname": server.hostname,
        "public-ipv4": floating,
        "reservation-id": server.reservation_id,
        "security-groups": "\n".join(
            network.server_security_groups(tx, [server.id]).get(server.id, [])
        ),
    }
    if server.key_data:
        found["public-keys"] = {"0": {"openssh-key": server.key_data}}
    return found


def _floating(tx: Tx, server: Server) -> str:
    for found in network.addresses(tx, [server.id]).get(server.id, {}).values():
        for address in found:
            if address["OS-EXT-IPS:type"] == "floating":
                return str(address["addr"])
    return ""


def user_data(server: Server) -> bytes:
    """The user data as the guest sees it: decoded."""
    return base64.b64decode(server.user_data or "", validate=False)


def drive_files(tx: Tx, server: Server, nics: Sequence[network.NicInfo]) -> dict[str, str]:
    """The config drive's files, path → content.

    Content is text. User data that is none (a gzip, say) is written in base64, and its path ends
    in ;base64 then.
    """
    meta, vendor = json.dumps(meta_data(tx, server)), json.dumps({})
    ec2 = json.dumps(_flat(ec2_tree(tx, server, nics)))
    files = {}
    for version in (*OPENSTACK_VERSIONS[-1:], _LATEST):
        files[f"openstack/{version}/meta_data.json"] = meta
        files[f"openstack/{version}/network_data.json"] = json.dumps(network_data(nics))
        files[f"openstack/{version}/vendor_data.json"] = vendor
        if server.user_data:
            files |= _user_data(f"openstack/{version}/user_data", user_data(server))
    files[f"ec2/{_LATEST}/meta-data.json"] = ec2
    if server.user_data:
        files |= _user_data(f"ec2/{_LATEST}/user-data", user_data(server))
    return files


def _user_data(path: str, data: bytes) -> dict[str, str]:
    try:
        return {path: data.decode()}
    except UnicodeDecodeError:
        return {f"{path};base64": base64.b64encode(data).decode()}


def _flat(tree: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tree.items() if value != ""}


def metadata_answer(
    parts: Parts,
    network_id: str,
    ip: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    host: str | None = None,
) -> Answer:
    """Answer a guest's request, known only by its network and address.

    host: answer only for guests on this host. Returns status, content type and body.
    """

    def work(tx: Tx) -> Answer:
        server_id = network.server_by_address(tx, network_id, ip)
        server = tx.get(Server, server_id) if server_id else None
        if server is None or server.deleted_at is not None or host not in (None, server.host):
            return 404, _TEXT, b"404 Not Found: no server has this address.\n"
        return _answer(tx, server, [part for part in path.split("?")[0].split("/") if part])

    if method not in ("GET", "HEAD"):
        return 405, _TEXT, b"405 Method Not Allowed: only GET is answered here.\n"
    return parts[Database].read(work)


def _answer(tx: Tx, server: Server, steps: list[str]) -> Answer:
    if not steps:
        return _listing([*EC2_VERSIONS, _LATEST])
    if steps[0] == "openstack":
        return _openstack(tx, server, steps[1:])
    if steps[0] not in (*EC2_VERSIONS, _LATEST):
        return _none()
    return _ec2(tx, server, steps[1:])


def _openstack(tx: Tx, server: Server, steps: list[str]) -> Answer:
    if not steps:
        return _listing([*OPENSTACK_VERSIONS, _LATEST])
    if steps[0] not in (*OPENSTACK_VERSIONS, _LATEST):
        return _none()
    names = ["meta_data.json", "vendor_data.json", "vendor_data2.json", "network_data.json"]
    names += ["user_data"] if server.user_data else []
    if len(steps) == 1:
        return _listing(names)
    name = steps[1]
    if len(steps) > 2 or name not in names:
        return _none()
    if name == "user_data":
        return 200, _BYTES, user_data(server)
    body: dict[str, Any] = {}
    if name == "meta_data.json":
        body = meta_data(tx, server)
    elif name == "network_data.json":
        body = network_data(network.server_nics(tx, server.id))
    return 200, _JSON, json.dumps(body).encode()


def _ec2(tx: Tx, server: Server, steps: list[str]) -> Answer:
    if not steps:
        return _listing(["meta-data/"] + (["user-data"] if server.user_data else []))
    if steps[0] == "user-data" and len(steps) == 1 and server.user_data:
        return 200, _BYTES, user_data(server)
    if steps[0] != "meta-data":
        return _none()
    place: Any = ec2_tree(tx, server, network.server_nics(tx, server.id))
    for step in steps[1:]:
        if not isinstance(place, dict) or step not in place:
            return _none()
        place = place[step]
    if isinstance(place, str):
        return 200, _TEXT, place.encode()
    if steps[-1] == "public-keys":
        return _listing([f"0={server.key_name}"])
    return _listing([name + ("/" if isinstance(v, dict) else "") for name, v in place.items()])


def _listing(names: Sequence[str]) -> Answer:
    return 200, _TEXT, "\n".join(names).encode()


def _none() -> Answer:
    return 404, _TEXT, b"404 Not Found\n"
