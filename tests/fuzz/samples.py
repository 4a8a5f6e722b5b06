"""A good body for every route that reads one, and good ids for every parameter of a path.

A text that starts with "$" stands for what `population` has made: "$server_id" is the id of a
server. "$new" is a name that nothing has yet.
"""

import itertools
import re
from collections.abc import Mapping
from typing import Any

from pileus.wire.route import Route
from pileus.wire.service import Service

from .bodies import compute, identity, image, network, placement

_NEW = itertools.count()

# What a parameter stands for where its name alone does not say it: (segment before it, name).
KINDS = {
    ("tags", "tag", "identity"): "project_tag",
    ("OS-EC2", "credential_id", "identity"): "access_key",
    ("tags", "tag", "image"): "image_tag",
    ("tags", "tag", "compute"): "server_tag",
    ("tags", "tag", "network"): "network_tag",
    ("objects", "name", "image"): "metadef_object",
    ("properties", "name", "image"): "metadef_property",
    ("tags", "name", "image"): "metadef_tag",
    ("resource_types", "name", "image"): "resource_type",
    ("traits", "name", "placement"): "trait",
    ("resource_classes", "name", "placement"): "custom_class",
    ("os-extra_specs", "key", "compute"): "extra_spec",
    ("metadata", "key", "compute"): "meta_key",
    ("ips", "network", "compute"): "network_name",
    ("networks", "id", "network"): "network_id",
    ("subnets", "id", "network"): "subnet_id",
    ("ports", "id", "network"): "port_id",
    ("routers", "id", "network"): "router_id",
    ("floatingips", "id", "network"): "floatingip_id",
    ("security-groups", "id", "network"): "security_group_id",
    ("security-group-rules", "id", "network"): "security_group_rule_id",
    ("agents", "id", "network"): "agent_id",
    ("network-ip-availabilities", "id", "network"): "network_id",
}


def kinds(service: Service, route: Route) -> list[str]:
    """What the parameters of a route's path stand for."""
    segments = route.path.split("/")
    found = []
    for index, segment in enumerate(segments):
        if segment.startswith("{"):
            name = segment.strip("{}").removesuffix(":path")
            found.append(KINDS.get((segments[index - 1], name, service.type), name))
    return found


def url(service: Service, route: Route, values: list[str]) -> str:
    """The route's URL with these values as its parameters, as they are."""
    left = iter(values)
    return service.path + re.sub(r"\{[^}]+\}", lambda _m: next(left), route.path)


def filled(body: Any, ids: Mapping[str, str]) -> Any:
    """A sample with its "$" texts replaced."""
    if isinstance(body, dict):
        return {filled(k, ids): filled(v, ids) for k, v in body.items()}
    if isinstance(body, list):
        return [filled(item, ids) for item in body]
    if body == "$new":
        return f"new-{next(_NEW)}"
    if isinstance(body, str) and body.startswith("$"):
        return ids[body[1:]]
    return body


BODIES = {
    (service, *key): body
    for service, found in (
        ("identity", identity.BODIES),
        ("image", image.BODIES),
        ("placement", placement.BODIES),
        ("compute", compute.BODIES),
        ("network", network.BODIES),
    )
    for key, body in found.items()
}

# Routes that change something and read no body at all, by a pattern of their paths.
BODILESS = {
    r"PUT .*/roles/\{role_id\}(/inherited_to_projects)?": "the path says who gets which role",
    r"PUT /v3/roles/\{role_id\}/implies/\{implied_role_id\}": "the path names both roles",
    r"PUT /v3/groups/\{group_id\}/users/\{user_id\}": "the path names both",
    r"PUT /v3/policies/.*/OS-ENDPOINT-POLICY/.*": "the path says what the policy is for",
    r"PUT /v3/OS-EP-FILTER/.*": "the path names both",
    r"POST /v3/OS-OAUTH1/(request|access)_token": "a header signs what is asked for",
    r"PUT .*/tags/\{tag\}": "the path names the tag",
    r"POST /v2/images/\{image_id\}/actions/(deactivate|reactivate)": "the path names the action",
    r"POST /v3/.*/protocols/\{protocol_id\}/(auth|websso)": "headers and cookies say who it is",
    r"POST /v3/auth/OS-FEDERATION/websso/\{protocol_id\}": "the query says where to go",
    r"POST /v2/metadefs/namespaces/\{namespace\}/tags/\{name\}": "the path names the tag",
    r"PUT /v2/cache/\{image_id\}": "the path names the image",
    r"POST /v2/cache/(clean|prune)": "the path names the action",
    r"PUT /traits/\{name\}": "the path names the trait",
    r"PUT /resource_classes/\{name\}": "the path names the class; before 1.7 a body renames it",
}


def sample(service: Service, route: Route) -> Any:
    """The good body of a route; None where it reads none. Raises KeyError where none is known."""
    key = (service.type, route.method, route.path, route.action)
    if key in BODIES:
        return BODIES[key]
    if route.method in ("GET", "HEAD", "DELETE"):
        return None
    if any(re.fullmatch(p, f"{route.method} {route.path}") for p in BODILESS):
        return None
    raise KeyError(f"{service.type} {route.method} {route.path} {route.action}")
