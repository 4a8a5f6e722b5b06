"""Starts a whole OVN with the userspace datapath in a folder and a network namespace of its own."""

import ctypes
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from pileus.network.driver import NetworkDriver

SCHEMAS = {
    "switch": "/usr/share/openvswitch/vswitch.ovsschema",
    "nb": "/usr/share/ovn/ovn-nb.ovsschema",
    "sb": "/usr/share/ovn/ovn-sb.ovsschema",
}
OUTSIDE = "192.0.2.1"  # the host's own address on the provider bridge


def sh(*command: str, env: dict[str, str] | None = None) -> str:
    """Run a command; its output. Fails with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def until(what: Callable[[], bool], seconds: float, why: str) -> None:
    """Wait for an outer process that has no event to offer."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"not within {seconds} s: {why}"
        threading.Event().wait(0.05)


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Run the calling thread, and what it starts, in a named network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as back, open(f"/run/netns/{namespace}") as there:
        assert libc.setns(there.fileno(), 0x40000000) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert libc.setns(back.fileno(), 0x40000000) == 0


class Watch:
    """Waits for a condition, looking again whenever the driver says that something changed."""

    def __init__(self, network: NetworkDriver) -> None:
        self._told = threading.Event()
        network.on_change(self._told.set)

    def until(self, what: Callable[[], bool], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, f"not within {seconds} s"
            self._told.wait(1)
            self._told.clear()


class OvnDaemons:
    """A running OVN: one host, one provider network `physnet1` on the bridge `br-ex`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ovn-", dir="/tmp"))
        self.namespace = f"pt{uuid4().hex[:8]}"
        self.env = os.environ | {
            name: str(self.folder)
            for name in (
                "OVS_RUNDIR", "OVN_RUNDIR", "OVS_LOGDIR", "OVN_LOGDIR", "OVS_DBDIR", "OVN_DBDIR",
            )
        }  # fmt: skip
        self.processes: list[subprocess.Popen[bytes]] = []
        self.databases: dict[str, subprocess.Popen[bytes]] = {}

    def socket(self, name: str) -> str:
        return f"unix:{self.folder}/{name}.sock"

    def start(self) -> None:
        sh("ip", "netns", "add", self.namespace)
        sh("ip", "-n", self.namespace, "link", "set", "lo", "up")
        for name, schema in SCHEMAS.items():
            sh("ovsdb-tool", "create", f"{self.folder}/{name}.db", schema)
            self.start_database(name)
        switch = self.socket("switch")
        ids = {
            "system-id": "host1",
            "hostname": "host1.example",
            "ovn-bridge": "br-int",
            "ovn-bridge-datapath-type": "netdev",
            "ovn-remote": self.socket("sb"),
            "ovn-encap-type": "geneve",
            "ovn-encap-ip": "127.0.0.1",
            "ovn-bridge-mappings": "physnet1:br-ex",
        }
        self.vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".",
                   *[f'external_ids:{key}="{value}"' for key, value in ids.items()])  # fmt: skip
        self._run("ovs-vswitchd", switch, f"--unixctl={self.folder}/vswitchd.ctl", "--no-chdir")
        for bridge, mode in (("br-int", "secure"), ("br-ex", "standalone")):
            self.vsctl("add-br", bridge, "--", "set", "bridge", bridge,
                       "datapath_type=netdev", f"fail_mode={mode}")  # fmt: skip
        sh("ip", "-n", self.namespace, "addr", "add", f"{OUTSIDE}/24", "dev", "br-ex")
        sh("ip", "-n", self.namespace, "link", "set", "br-ex", "up")
        self.exec("ethtool", "-K", "br-ex", "tx", "off")
        databases = [f"--ovnnb-db={self.socket('nb')}", f"--ovnsb-db={self.socket('sb')}"]
        self._run("ovn-northd", *databases, f"--unixctl={self.folder}/northd.ctl")
        # OVN 23.03's controller dies now and then in its first moments.
        for _ in range(5):
            controller = self._run("ovn-controller", switch, "--no-chdir")
            if self._settled(controller):
                return
        raise AssertionError("ovn-controller does not stay alive")

    def _settled(self, controller: subprocess.Popen[bytes]) -> bool:
        until(
            lambda: (
                controller.poll() is not None
                or "host1" in self.sbctl("--columns=name", "list", "chassis")
            ),
            20,
            "the chassis",
        )
        sync = subprocess.Popen(
            ["ovn-nbctl", f"--db={self.socket('nb')}", "--timeout=20", "--wait=hv", "sync"]
        )
        until(
            lambda: controller.poll() is not None or sync.poll() is not None, 30, "the first flows"
        )
        sync.kill()
        return sync.wait() == 0 and controller.poll() is None

    def start_database(self, name: str) -> None:
        self.databases[name] = self._run(
            "ovsdb-server",
            f"--remote=p{self.socket(name)}",
            f"--unixctl={self.folder}/{name}.ctl",
            "--no-chdir",
            f"{self.folder}/{name}.db",
        )
        until((self.folder / f"{name}.sock").exists, 20, f"{name} database")

    def stop_database(self, name: str) -> None:
        self.databases[name].terminate()
        self.databases[name].wait(20)

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{command[0]}.log").open("ab")
        inner = ("ip", "netns", "exec", self.namespace, *command)
        process = subprocess.Popen(inner, env=self.env, stdout=log, stderr=log, cwd=self.folder)
        self.processes.append(process)
        return process

    def exec(self, *command: str) -> str:
        return sh("ip", "netns", "exec", self.namespace, *command, env=self.env)

    def vsctl(self, *command: str) -> str:
        return sh("ovs-vsctl", f"--db={self.socket('switch')}", *command, env=self.env)

    def nbctl(self, *command: str) -> str:
        return sh("ovn-nbctl", f"--db={self.socket('nb')}", *command, env=self.env)

    def sbctl(self, *command: str) -> str:
        return sh("ovn-sbctl", f"--db={self.socket('sb')}", *command, env=self.env)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait(20)
        subprocess.run(["ip", "netns", "del", self.namespace])
        shutil.rmtree(self.folder)


@contextmanager
def running_ovn() -> Iterator[OvnDaemons]:
    """A started OVN, with the calling thread inside its network namespace."""
    daemons = OvnDaemons()
    try:
        daemons.start()
        with inside(daemons.namespace):
            yield daemons
    finally:
        daemons.stop()
