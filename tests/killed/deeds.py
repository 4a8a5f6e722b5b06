"""What is done to servers while the control plane is killed, and what must have come of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pileus.core.ids import derived
from pileus.first_image import NAME

from ..wait import until
from .site import SEED, Site

_SERVERS, _IMAGES = "/compute/v2.1/servers", "/image/v2/images"
_SMALL, _LARGE = "42", "1"
_IMAGE = derived("first image", SEED, NAME)
_FAR = "sim-00000"  # a host whose agent is in another process

Ask = Callable[[Site, str], None]


@dataclass(frozen=True)
class Deed:
    """One change of a server.

    kind: its flow's. ask: how it is asked for; None for the server's creation. end: the status that
    the server then has. before: what brings a new server to where this begins, each with the status
    that it comes to. host: where the server is made. after: what is asked once it has its end.
    """

    kind: str
    ask: Ask | None
    end: str
    before: tuple[tuple[Ask, str], ...] = ()
    host: str = ""
    after: Ask | None = None


def make(site: Site, host: str = "") -> str:
    """Ask for a server; its name, as the answer may be lost."""
    site.made += 1
    name = f"killed-{site.made}"
    server: dict[str, Any] = {"name": name, "flavorRef": _SMALL, "networks": site.networks}
    server |= {"imageRef": _IMAGE}
    server |= {"availability_zone": f"nova:{host}"} if host else {}
    site.ask("POST", _SERVERS, {"server": server})
    return name


def find(site: Site, name: str) -> str:
    """The id of the server of this name."""
    found = site.get(f"{_SERVERS}?name=^{name}$")[1]["servers"]
    return str(found[0]["id"])


def ended(site: Site, name: str, status: str) -> bool:
    """Whether the server has this status and nothing is under way; "gone": whether it is not there.

    It is not known while nobody answers.
    """
    code, body = site.ask("GET", f"{_SERVERS}/detail?name=^{name}$")
    if code != 200 or not body["servers"]:
        return code == 200 and status == "gone"
    server = body["servers"][0]
    assert server["status"] != "ERROR", server
    return bool(server["status"] == status and not server["OS-EXT-STS:task_state"])


def rest(site: Site, name: str, status: str) -> None:
    """Wait until it has ended so."""
    until(lambda: ended(site, name, status), f"server {name} to be {status}", 90, 0.03)


def action(**body: Any) -> Ask:
    """An action of the server."""

    def ask(site: Site, server_id: str) -> None:
        site.ask("POST", f"{_SERVERS}/{server_id}/action", body)

    return ask


def delete(site: Site, server_id: str) -> None:
    """Ask for the end of the server."""
    site.ask("DELETE", f"{_SERVERS}/{server_id}")


def _interfaces(site: Site, server_id: str) -> list[Any]:
    found: list[Any] = site.get(f"{_SERVERS}/{server_id}/os-interface")[1]["interfaceAttachments"]
    return found


def _attach(site: Site, server_id: str) -> None:
    body = {"interfaceAttachment": {"net_id": site.networks[0]["uuid"]}}
    site.ask("POST", f"{_SERVERS}/{server_id}/os-interface", body)


def _detach(site: Site, server_id: str) -> None:
    port = _interfaces(site, server_id)[0]["port_id"]
    site.ask("DELETE", f"{_SERVERS}/{server_id}/os-interface/{port}")


def _interfaces_are(count: int) -> Ask:
    def wait(site: Site, server_id: str) -> None:
        until(lambda: len(_interfaces(site, server_id)) == count, f"{count} interfaces", 60)

    return wait


def _down(site: Site, down: bool) -> None:
    services = site.get("/compute/v2.1/os-services?binary=nova-compute")[1]["services"]
    service = next(one for one in services if one["host"] == _FAR)
    site.ask("PUT", f"/compute/v2.1/os-services/{service['id']}", {"forced_down": down})


def _evacuate(site: Site, server_id: str) -> None:
    _down(site, True)
    site.ask("POST", f"{_SERVERS}/{server_id}/action", {"evacuate": {}})


def _snapshot(site: Site, server_id: str) -> None:
    action(createImage={"name": server_id})(site, server_id)


def _image_is_whole(site: Site, server_id: str) -> None:
    images = site.get(f"{_IMAGES}?name={server_id}")[1]["images"]
    assert [one["status"] for one in images] == ["active"]
    site.ask("DELETE", f"{_IMAGES}/{images[0]['id']}")


_STOP = action(**{"os-stop": None}), "SHUTOFF"
_RESIZE = action(resize={"flavorRef": _LARGE}), "VERIFY_RESIZE"
_MIGRATE = action(migrate={"host": None}), "VERIFY_RESIZE"
_RESCUE = action(rescue={}), "RESCUE"
_SHELVE = action(shelve=None), "SHELVED_OFFLOADED"
_ELSEWHERE = action(**{"os-migrateLive": {"host": None, "block_migration": "auto"}})

DEEDS = {
    "create": Deed("server.create", None, "ACTIVE"),
    "create far away": Deed("server.create", None, "ACTIVE", host=_FAR),
    "delete": Deed("server.delete", delete, "gone"),
    "stop": Deed("server.power", *_STOP),
    "start": Deed("server.power", action(**{"os-start": None}), "ACTIVE", (_STOP,)),
    "reboot": Deed("server.power", action(reboot={"type": "HARD"}), "ACTIVE"),
    "resize": Deed("server.resize", *_RESIZE),
    "confirm": Deed("server.confirm_resize", action(confirmResize=None), "ACTIVE", (_RESIZE,)),
    "revert": Deed("server.revert_resize", action(revertResize=None), "ACTIVE", (_RESIZE,)),
    "migrate": Deed("server.move", *_MIGRATE),
    "confirm a move": Deed(
        "server.confirm_move", action(confirmResize=None), "ACTIVE", (_MIGRATE,)
    ),
    "revert a move": Deed("server.revert_move", action(revertResize=None), "ACTIVE", (_MIGRATE,)),
    "live migration": Deed("server.live_migration", _ELSEWHERE, "ACTIVE"),
    "evacuate": Deed(
        "server.evacuate", _evacuate, "SHUTOFF", host=_FAR, after=lambda site, _: _down(site, False)
    ),
    "rebuild": Deed("server.rebuild", action(rebuild={"imageRef": _IMAGE}), "ACTIVE"),
    "rescue": Deed("server.rescue", *_RESCUE),
    "unrescue": Deed("server.unrescue", action(unrescue=None), "ACTIVE", (_RESCUE,)),
    "shelve": Deed("server.shelve", *_SHELVE),
    "unshelve": Deed("server.unshelve", action(unshelve=None), "ACTIVE", (_SHELVE,)),
    "delete, shelved": Deed("server.delete_shelved", delete, "gone", (_SHELVE,)),
    "snapshot": Deed("server.snapshot", _snapshot, "ACTIVE", after=_image_is_whole),
    "attach": Deed("server.attach_interface", _attach, "ACTIVE", after=_interfaces_are(2)),
    "detach": Deed("server.detach_interface", _detach, "ACTIVE", after=_interfaces_are(0)),
}
