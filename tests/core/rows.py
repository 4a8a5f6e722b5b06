"""Two small resources for tests of the core."""

import sqlalchemy as sa

from pileus.core.resource import Resource, attr, new_uuid, now
from pileus.core.types import Int, Text, Uuid, When


class Box(Resource):
    one, many = "box", "boxes"
    constraints = (sa.UniqueConstraint("name"),)

    id = attr(Uuid(), key=True, default=new_uuid, filter=True, sort=True)
    name = attr(Text(20, 1), create="required", update=True, filter=True, sort=True)
    size = attr(Int(0, 100), create=True, default=1, sort=True, filter=True)
    note = attr(Text(), null=True, create=True, sort=True, filter=True, since=(2, 5))
    secret = attr(Text(), default="s", show="see_secrets", wire="OS-EXT:secret")
    created_at = attr(When(), default=now, sort=True)
