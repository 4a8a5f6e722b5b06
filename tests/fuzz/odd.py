"""Values that nobody should send, and ways to put them into a good body, path, query or header."""

import copy
import json
import random
from typing import Any

TEXTS = [
    "",
    " ",
    "x" * 300,
    "x" * 70_000,
    "\u0000",
    "a\r\nX-Evil: 1",
    "\t",
    "\u202egnp.exe",
    "\U0001f4a5",
    "e\u0301",
    "²",
    "\u0661",
    "'; drop table servers; --",
    '"',
    "%",
    "_",
    "\\",
    "../../../etc/passwd",
    "file:///etc/passwd",
    "http://169.254.169.254/",
    "%00%0d%0a",
    "%s%n{0}{__class__}$(id)",
    "null",
    "true",
    "0",
    "-1",
    "1e3",
    "0x10",
    "9223372036854775808",
    "99999999999999999999999999",
    "NaN",
    "Infinity",
    "none",
    "auto",
    "default",
    "admin",
    "11111111-1111-1111-1111-111111111111",
    "11111111111111111111111111111111",
    "::1",
    "::ffff:10.0.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "10.0.0.0/33",
    "0.0.0.0/0",
    "10.0.0.1/32",
    "::/0",
    "fe80::1%eth0",
    "fa:16:3e:00:00:01",
    "ff:ff:ff:ff:ff:ff",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01",
    "2026-02-30T00:00:00Z",
    "(a+)+$",
    "[",
    "in:",
    "in:" + "a," * 2000,
    "," * 3000,
    "a:b",
    "CUSTOM_" + "A" * 260,
    "VCPU:1",
    "VCPU:" + "9" * 30,
]
NUMBERS: list[Any] = [
    0,
    1,
    -1,
    2,
    255,
    256,
    4095,
    4096,
    65536,
    2**31 - 1,
    2**31,
    2**32,
    2**53,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63),
    -(2**63) - 1,
    10**30,
    10**300,
    0.5,
    -0.0,
    1e308,
    -1e308,
]
OTHERS: list[Any] = [None, True, False, [], {}, [[]], [None], [{}], {"": ""}, {"a": None}]
RAW = [
    b"",
    b"{",
    b"nonsense",
    b"null",
    b"[]",
    b"{}",
    b"0",
    b'"x"',
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    b"NaN",
    b'{"a": NaN}',
    b'{"a": 1e999}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b"[" * 100_000,
    b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    b'{"a": "\\ud800"}',
    b'{"a": 1, "a": 2}',
    b"{'a': 1}",
]
PARTS = [
    "%00",
    "%0d%0aX-Evil:%201",
    "%09",
    "%7f",
    "x" * 300,
    "x" * 3000,
    "..%2f..%2fetc",
    "%2e%2e",
    "%F0%9F%92%A5",
    "%ff",
    "%25",
    "%22",
    "%3Cscript%3E",
    "'%20or%201=1--",
    "-1",
    "0",
    "9223372036854775808",
    "None",
    "null",
    "detail",
    "default",
    "11111111-1111-1111-1111-111111111111",
    "11111111111111111111111111111111",
    "11111111-1111-1111-1111-11111111111G",
    "%20",
    "a%2Cb",
    "a%2Fb",
    "CUSTOM_X",
    "%5B%5D",
]
_EVERYWHERE = """limit marker sort_key sort_dir sort name id status"""
_KNOWN = {
    "identity": f"""
        {_EVERYWHERE} domain_id parent_id project_id user_id enabled is_domain tags
        tags-any not-tags not-tags-any name__contains name__startswith name__icontains
        scope.project.id role.id user.id group.id scope.domain.id scope.system effective
        include_names include_subtree subtree_as_list subtree_as_ids parents_as_list
        nocatalog parents_as_ids allow_expired type service_id region_id interface
        parent_region_id scope.OS-INHERIT:inherited_to resource_name since
        trustor_user_id trustee_user_id
    """,
    "image": f"""
        {_EVERYWHERE} visibility member_status owner tag size_min size_max created_at
        updated_at os_hidden protected checksum os_hash_value disk_format
        container_format min_ram min_disk size colour a.b[0]
    """,
    "placement": """
        name uuid resources required member_of in_tree limit group_policy resources1
        required1 member_of1 in_tree1 resources_A required_A same_subtree root_required
        associated consumer_type project_id user_id
    """,
    "network": f"""
        {_EVERYWHERE} fields page_reverse project_id tenant_id tags tags-any not-tags
        not-tags-any network_id device_id device_owner fixed_ips mac_address shared
        router:external cidr ip_version port_id floating_ip_address security_group_id
        direction admin_state_up revision_number enable_dhcp gateway_ip description mtu
        floating_network_id router_id fixed_ip_address subnet_id ethertype protocol
        security_groups binding:host_id host agent_type provider:physical_network
    """,
    "compute": f"""
        {_EVERYWHERE} all_tenants deleted project_id tenant_id user_id changes-since
        changes-before ip ip6 host flavor image locked hostname description
        availability_zone config_drive vm_state task_state power_state launch_index
        key_name uuid reservation_id tags tags-any not-tags not-tags-any minDisk minRam
        is_public start end detailed with_servers hypervisor_hostname_pattern binary
        offset all_projects reserved usage
    """,
}
QUERIES = {service: words.split() for service, words in _KNOWN.items()}
STRANGE = ["x" * 300, "", "\u00e9", "a[]", "name\x00", "x__contains", "password_hash", "extra"]


def value(rng: random.Random, pool: list[str]) -> Any:
    """One odd value."""
    kind = rng.random()
    if kind < 0.45:
        return rng.choice(TEXTS)
    if kind < 0.7:
        return rng.choice(NUMBERS)
    if kind < 0.85:
        return copy.deepcopy(rng.choice(OTHERS))
    if kind < 0.93 and pool:
        return rng.choice(pool)
    if kind < 0.96:
        return ["x"] * 2000
    deep: Any = "x"
    for _ in range(rng.choice([20, 100, 300, 600, 900, 950, 985])):
        deep = [deep] if rng.random() < 0.5 else {"a": deep}
    return deep


def _places(body: Any, found: list[tuple[Any, Any]]) -> None:
    """Every (container, key) of a body."""
    items: Any = ()
    if isinstance(body, dict):
        items = body.items()
    elif isinstance(body, list):
        items = enumerate(body)
    for key, inner in items:
        found.append((body, key))
        _places(inner, found)


def mutated(rng: random.Random, body: Any, pool: list[str]) -> Any:
    """A body with one to three things wrong with it."""
    body = copy.deepcopy(body)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        places: list[tuple[Any, Any]] = []
        try:
            _places(body, places)
        except RecursionError:
            break  # deep enough
        if not places or rng.random() < 0.03:
            body = value(rng, pool)
            continue
        holder, key = rng.choice(places)
        how = rng.random()
        if how < 0.55:
            holder[key] = value(rng, pool)
        elif how < 0.7:
            del holder[key]
        elif how < 0.8 and isinstance(holder, dict):
            holder[rng.choice(["x", "id", "project_id", "", "é", "a" * 300])] = value(rng, pool)
        elif how < 0.87:
            holder[key] = [holder[key]]
        elif how < 0.92:
            holder[key] = {"x": holder[key]}
        elif how < 0.96 and isinstance(holder, dict):
            holder[str(key).upper() + "x"] = holder.pop(key)
        elif isinstance(holder, list):
            holder.append(holder[key])
        else:
            holder[key] = None
    return body


def encoded(body: Any) -> bytes:
    """JSON as bytes, however deep or odd."""
    try:
        return json.dumps(body).encode()
    except RecursionError:
        return b"[" * 900 + b"]" * 900
