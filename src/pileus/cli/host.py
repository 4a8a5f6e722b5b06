"""What `pileus agent` does on a machine that has joined with real guests and networks."""

import shutil

from ..agent import Identity
from ..config import Config
from ..machine import chassis
from . import boot, link, real
from .steps import step

# Of the host's directory, what its engines made. Images and logs stay.
_MADE = ("libvirt", "ovs", "ovn", "instances", "accelerator.json")


def prepare(identity: Identity) -> None:
    """Everything on this machine that real guests need. Raises ClickException, HostError.

    The network comes with the agent, when it is known where the control plane's is.
    """
    real.engines(identity.state)


def at_boot(identity: Identity) -> None:
    """See that a boot starts the agent again. Raises ClickException."""
    boot.enable(Config(state=identity.state), agent=True)
    link.put()


def stop(identity: Identity) -> None:
    """Shut every guest down, then stop libvirtd and the network. Raises HostError."""
    real.shut_down(identity.state)
    with step("network"):
        chassis(identity).stop()


def uninstall(identity: Identity) -> None:
    """Remove what the agent made on this machine beyond images and logs. Raises HostError."""
    from ..host import packages

    real.remove(identity.state, chassis(identity))
    for name in _MADE:
        path = identity.state / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    with step("Debian packages"):
        packages.uninstall(identity.state)
