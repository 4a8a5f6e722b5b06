"""Reading and writing JSON of a port: our types over msgspec, pydantic, jsonschema."""

import json

import msgspec
from clock import table
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field

from pileus.core.types import Bool, ListOf, Object, Text, Uuid, Where

PORT = {
    "name": "web-1",
    "network_id": "2c1f5a4e-9f63-4c1e-9a57-64b7de1d6f10",
    "admin_state_up": True,
    "fixed_ips": [{"subnet_id": "5b1f5a4e-9f63-4c1e-9a57-64b7de1d6f10", "ip_address": "10.0.0.5"}],
    "security_groups": ["8c1f5a4e-9f63-4c1e-9a57-64b7de1d6f10"],
}
RAW = json.dumps(PORT).encode()
SHAPE = Object(
    {
        "name": Text(255),
        "network_id": Uuid(),
        "admin_state_up": Bool(),
        "fixed_ips": ListOf(Object({"subnet_id": Uuid(), "ip_address": Text(45)})),
        "security_groups": ListOf(Uuid()),
    }
)
SCHEMA = Draft202012Validator(SHAPE.schema())


class _Fixed(msgspec.Struct, forbid_unknown_fields=True):
    subnet_id: str
    ip_address: str


class _Port(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    network_id: str
    admin_state_up: bool
    fixed_ips: list[_Fixed]
    security_groups: list[str]


class _PFixed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    subnet_id: str
    ip_address: str


class _PPort(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=255)
    network_id: str
    admin_state_up: bool
    fixed_ips: list[_PFixed]
    security_groups: list[str]


struct = msgspec.json.Decoder(_Port)
table(
    "validation: decode and check one port",
    {
        "msgspec + our types": lambda: SHAPE.parse(msgspec.json.decode(RAW), Where("port")),
        "msgspec structs (types only)": lambda: struct.decode(RAW),
        "pydantic": lambda: _PPort.model_validate_json(RAW),
        "json + jsonschema": lambda: SCHEMA.validate(json.loads(RAW)),
    },
)
PORTS = [PORT] * 100
table(
    "serialisation: encode 100 ports",
    {
        "msgspec": lambda: msgspec.json.encode(PORTS),
        "json": lambda: json.dumps(PORTS).encode(),
    },
)
