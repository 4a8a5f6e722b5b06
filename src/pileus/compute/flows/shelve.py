"""Shelve a server: keep its disk as an image and give its host back. Unshelve: a host again."""

from typing import Any

from ... import image as images
from ... import network, placement
from ...core import desired
from ...core.errors import BadRequest
from ...core.flow import Failed, Flow, Run, Step, Wait
from ..scheduler import NoValidHost, Scheduler, wish_of
from ..server import POWER, Server
from ..spec import guest_spec
from .ending import powered, succeeded, unchanged, unchanged_or_broken
from .guest import (
    GUEST,
    POLL,
    asked,
    asked_back,
    check,
    given_up,
    host_of,
    no_ports_yet,
    not_there_yet,
    not_yet,
    server_of,
    still_there,
)
from .snapshot import abandon, copy, drop_image


def turn_off(run: Run) -> Wait | None:
    """Let the guest shut itself down, so that its disk is whole."""
    server = server_of(run)
    problem = asked(run, server, power="shutoff")
    if problem is None:
        return not_yet(host_of(server), "turned the guest off")
    if problem:
        raise Failed(f"Instance {server.id} cannot be turned off: {problem}")
    return None


def turn_on(run: Run) -> Wait | None:
    """Undo `turn_off`; whether it works out is seen in the server's state."""
    return asked_back(run, server_of(run), power=run.args["before"])


def uncopy(run: Run) -> Wait | None:
    """Undo `copy`: no image without bytes stays."""
    abandon(run.tx, run.subject)
    images.forget(run.tx, run.args["image"])
    return None


def unshelved_yet(run: Run) -> Wait | None:
    """The server is as it was before, as far as its host lets it; no image comes of it."""
    server = server_of(run)
    images.forget(run.tx, run.args["image"])
    run.tx.change(server, shelved_image=None)
    unchanged_or_broken(run, server, server.host, run.args["before"])
    return None


def offload(run: Run) -> Wait | None:
    """Wait until no host has the guest; then hold nothing of any host.

    Not for ever: the guest is off and its disk kept. A host that is away removes it later.
    """
    tx, server = run.tx, server_of(run)
    if server.vm_state != "shelved":
        tx.change(server, vm_state="shelved", task_state="shelving_offloading", updated_at=tx.now)
    if still_there(tx, server.id) and not run.late:
        return Wait(POLL)
    placement.release(tx, server.id)
    network.unbind_ports(tx, server.id)
    state = {"vm_state": "shelved_offloaded", "power_state": POWER["absent"]}
    succeeded(run, server, host=None, fault=None, **state)
    return None


def schedule(run: Run) -> Wait | None:
    """Claim a host."""
    tx, server = run.tx, server_of(run)
    if server.host is not None:
        return None
    # A host that has something of it yet, to be removed, is none to make it anew.
    old = [row.host for row in tx.all(desired.Desired, kind=GUEST, id=server.id)]
    wish = wish_of(server, run.args.get("host", ""), old, "no remains of it")
    try:
        host = run.parts[Scheduler].place(tx, server, wish)
    except (NoValidHost, placement.NoCapacity, BadRequest) as none:
        raise Failed(str(none)) from none
    network.bind_ports(tx, server.id, host.host)
    tx.change(server, host=host.host, generation=server.generation + 1)
    return None


def unschedule(run: Run) -> Wait | None:
    """Undo `schedule`: give the host back."""
    tx, server = run.tx, server_of(run)
    placement.release(tx, server.id)
    network.unbind_ports(tx, server.id)
    tx.change(server, host=None)
    return None


def unpack(run: Run) -> Wait | None:
    """Ask the host for the guest with the disk that was kept, and wait for it."""
    tx, server = run.tx, server_of(run)
    host = host_of(server)
    row = desired.find(tx, host, GUEST, server.id)
    if row is None or row.spec is None:
        spec = guest_spec(tx, server) | {"disks": _from(run, server)}
        desired.put(tx, host, GUEST, server.id, spec)
        return Wait(POLL)
    state = desired.settled(tx, host, GUEST, server.id)
    if state is None:
        return not_there_yet(run, host, "made the guest")
    check(state, "running", f"Unshelve of instance {server.id} failed", host)
    return None


def packed_again(run: Run) -> Wait | None:
    """Undo `unpack`: wait until no host has anything of the guest.

    For as long as that takes, as it must not run twice. The server is shelved as before meanwhile.
    """
    server = server_of(run)
    if not still_there(run.tx, server.id):
        return None
    if server.task_state is not None and given_up(run, str(server.host)):
        unchanged(run, server)
    return Wait(POLL)


def connected(run: Run) -> Wait | None:
    """Wait for the ports."""
    return None if network.ports_ready(run.tx, run.subject) else no_ports_yet()


def _from(run: Run, server: Server) -> list[dict[str, Any]]:
    """The server's disks, the first of them starting as the image that was kept."""
    return [
        disk | {"image": run.args["image"]} if disk["name"] == "disk" else disk
        for disk in server.disks
    ]


def awake(run: Run) -> Wait | None:
    """The server is active again."""
    server = server_of(run)
    new = {"disks": _from(run, server), "shelved_image": None, "launched_at": run.tx.now}
    powered(run, server, "running", **new)
    return None


def still_shelved(run: Run) -> Wait | None:
    """No host could take it: it stays where it is."""
    unchanged(run, server_of(run))
    return None


SHELVE = Flow(
    "server.shelve",
    Step(turn_off, undo=turn_on),
    Step(copy, undo=uncopy),
    Step(offload),
    failed=unshelved_yet,
)
OFFLOAD = Flow("server.offload", Step(offload))
UNSHELVE = Flow(
    "server.unshelve",
    Step(schedule, undo=unschedule),
    Step(unpack, undo=packed_again),
    Step(connected),
    Step(drop_image, outside=True),
    Step(awake),
    failed=still_shelved,
)
