"""The image service's settings, by the names that operators know, from a file of YAML."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import yaml

FILE = "file"  # the store that every cloud has: files below its own state
METHODS = ("glance-direct", "web-download", "copy-image", "glance-download")
_KINDS = {
    "file": ({"path"}, set[str]()),
    "s3": ({"bucket"}, {"endpoint", "region", "access_key", "secret_key", "prefix"}),
    "http": (set[str](), set[str]()),
}


class BadSettings(ValueError):
    """The file does not hold settings of the image service; the message says what is wrong."""


@dataclass(frozen=True)
class Place:
    """A store as the operator declares it."""

    id: str
    kind: str = FILE
    description: str = ""
    weight: int = 0
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def read_only(self) -> bool:
        """Whether images are only read from it: the web, where nothing is ever put."""
        return self.kind == "http"


@dataclass(frozen=True)
class Settings:
    """What an operator may say of images. docs/images.md tells of each."""

    stores: tuple[Place, ...] = (Place(FILE, description="Local files"),)
    default_backend: str = FILE
    enabled_import_methods: tuple[str, ...] = METHODS
    show_multiple_locations: bool = False
    show_image_direct_url: bool = False
    property_protection_file: str = ""
    property_protection_rule_format: str = "roles"
    image_property_quota: int = 128
    image_tag_quota: int = 128
    image_member_quota: int = 128
    image_location_quota: int = 10
    image_size_cap: int = 1 << 40  # bytes
    image_size_total: int = -1  # MiB, where the identity service has no limit
    image_stage_total: int = -1  # MiB
    image_count_total: int = -1
    image_count_uploading: int = -1
    vmdk_allowed_types: tuple[str, ...] = ("streamOptimized", "monolithicSparse")
    allowed_schemes: tuple[str, ...] = ("http", "https")
    allowed_hosts: tuple[str, ...] = ()
    disallowed_hosts: tuple[str, ...] = ()
    allowed_ports: tuple[int, ...] = (80, 443)
    allowed_networks: tuple[str, ...] = ()
    glance_download_properties: tuple[str, ...] = (
        "hw_",
        "trait:",
        "os_distro",
        "os_secure_boot",
        "os_type",
    )
    image_cache_max_size: int = 10 << 30  # bytes
    task_time_to_live: int = 48  # hours
    signature_certificates: str = ""  # a folder: <certificate's uuid>.pem

    def store(self, store_id: str) -> Place | None:
        """The declared store with this id."""
        return next((one for one in self.stores if one.id == store_id), None)

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks that are private, and downloads may reach all the same."""
        return tuple(ip_network(one) for one in self.allowed_networks)


def read(path: Path | None) -> Settings:
    """The settings of this file; without one, the usual ones. Raises BadSettings."""
    if path is None:
        return Settings()
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as wrong:
        raise BadSettings(f"{path} cannot be read: {wrong}") from None
    if found is None:
        return Settings()
    if not isinstance(found, dict):
        raise BadSettings(f"{path} must be a map from the image service's settings to their values")
    known = {one.name: one.default for one in fields(Settings)}
    values: dict[str, Any] = {}
    for name, value in found.items():
        if name not in known:
            names = ", ".join(sorted(known))
            raise BadSettings(f"{path}: {name!r} is no setting of images; these are: {names}")
        where = f"{path}: {name}"
        values[name] = _stores(where, value) if name == "stores" else _value(where, value, known)
    made = Settings(**values)
    _check(path, made)
    return made


def _check(path: Path, made: Settings) -> None:
    store = made.store(made.default_backend)
    if store is None or store.read_only:
        raise BadSettings(
            f"{path}: default_backend {made.default_backend!r} must be a declared store that images"
            " can be put into."
        )
    if made.property_protection_rule_format not in ("roles", "policies"):
        raise BadSettings(f"{path}: property_protection_rule_format must be roles or policies.")
    if wrong := set(made.enabled_import_methods) - set(METHODS):
        raise BadSettings(f"{path}: {min(wrong)!r} is none of {', '.join(METHODS)}.")
    try:
        _ = made.networks
    except ValueError as wrong:
        raise BadSettings(f"{path}: allowed_networks: {wrong}") from None


def _value(where: str, value: Any, known: Mapping[str, Any]) -> Any:
    usual = known[where.rpartition(" ")[2]]
    if isinstance(usual, tuple):
        kind = int if usual and isinstance(usual[0], int) else str
        if not isinstance(value, list) or not all(type(one) is kind for one in value):
            raise BadSettings(f"{where} must be a list of {kind.__name__}, not {value!r}.")
        return tuple(value)
    if type(value) is not type(usual):
        raise BadSettings(f"{where} must be of type {type(usual).__name__}, not {value!r}.")
    return value


def _stores(where: str, value: Any) -> tuple[Place, ...]:
    """The declared stores, the cloud's own one before them."""
    if not isinstance(value, dict):
        raise BadSettings(f"{where} must be a map from names to stores.")
    found = {FILE: Place(FILE, description="Local files")}
    for name, given in value.items():
        here = f"{where}: {name}"
        if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum():
            raise BadSettings(f"{here}: a store's name is letters, digits, - and _.")
        if not isinstance(given, dict) or given.get("type") not in _KINDS:
            raise BadSettings(f"{here} must be a map with a type: {', '.join(_KINDS)}.")
        needed, possible = _KINDS[given["type"]]
        if name == FILE:
            needed, possible = set(), {"path"}
            if given["type"] != FILE or "path" in given:
                raise BadSettings(f"{here} is the cloud's own: only its description and weight.")
        options = {k: v for k, v in given.items() if k not in ("type", "description", "weight")}
        if wrong := sorted((options.keys() - needed - possible) | (needed - options.keys())):
            raise BadSettings(f"{here}: {wrong[0]!r} is missing or not known there.")
        if not all(isinstance(one, str) for one in options.values()):
            raise BadSettings(f"{here}: its options must be strings.")
        weight = given.get("weight", 0)
        description = given.get("description", "")
        if type(weight) is not int or not isinstance(description, str):
            raise BadSettings(f"{here}: weight is a whole number, description a string.")
        found[name] = Place(name, given["type"], description, weight, options)
    return tuple(found.values())
