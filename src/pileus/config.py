"""The settings of one control-plane process. The defaults are one machine, one process, SQLite."""

from dataclasses import dataclass
from pathlib import Path

# Processors of simulated hosts: a cloud's own has room for thousands of servers.
SIMULATED_VCPUS, JOINED_VCPUS = 1024, 64


@dataclass(frozen=True)
class Config:
    """Everything that can be set. Nothing else reads the environment or a file for settings."""

    state: Path  # database, images, instances, sockets, logs
    port: int = 8080
    listen: str = "127.0.0.1"
    public_url: str = ""  # of this process; "" is http://{listen}:{port}
    catalog: str = ""  # what stands before several processes; "" is this process's own URL
    region: str = "RegionOne"
    simulate: bool = False
    commons: Path | None = None  # what the cloud's processes share; None: `state` has it
    database: str = ""  # an SQLAlchemy URL; "" is SQLite in `state`
    seed: int | None = None  # repeatable ids, for tests
    admin_password: str = ""  # this and the next are only used at the first start
    demo_password: str = ""
    host: str = "pileus"  # this host's name; "" is a process without a host of its own
    policy_file: Path | None = None
    scheduler_file: Path | None = None  # the scheduler's settings, as YAML
    identity_file: Path | None = None  # identity's settings, as YAML
    image_file: Path | None = None  # the image service's settings, as YAML
    token_hours: float = 12.0
    limit_model: str = "flat"  # how limits of projects go together; or "strict_two_level"
    external_cidr: str = "172.24.4.0/24"
    external_gateway: str = "172.24.4.1"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure_http: bool = False  # plain HTTP beyond loopback, said aloud
    audit_minutes: float = 10.0  # between two audits by itself
    clouds_file: Path | None = None  # None: where every client looks
    cloud_name: str = "pileus"
    agent_listen: str = ""  # ADDRESS:PORT for hosts' agents; "" takes none
    dedicated_cpus: str = ""  # this host's processors that guests may have to themselves, as 2-7
    pci_device_spec: str = ""  # this host's devices that guests may have, as nova writes them
    tunnel_address: str = ""  # where other hosts reach this one's tunnels; "" has none

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the database."""
        return self.database or f"sqlite:///{self.state / 'pileus.db'}"

    @property
    def shared(self) -> Path:
        """The directory that all processes of the cloud see: its keys and its images."""
        return self.commons or self.state

    @property
    def southbound_listen(self) -> tuple[str, int]:
        """Where hosts that have joined find OVN's southbound database: beside the agent port."""
        address, _, port = self.agent_listen.rpartition(":")
        return address.strip("[]"), int(port) + 1

    @property
    def base_url(self) -> str:
        """Where clients find this cloud, without a slash at the end."""
        scheme = "https" if self.tls_cert else "http"
        address = f"[{self.listen}]" if ":" in self.listen else self.listen
        return self.public_url or f"{scheme}://{address}:{self.port}"

    @property
    def catalog_url(self) -> str:
        """Where the catalog says that the cloud is, without a slash at the end."""
        return self.catalog or self.base_url
