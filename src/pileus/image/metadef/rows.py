"""Namespaces of definitions, and what stands in them."""

from ...core.resource import Resource, attr, now
from ...core.types import Bool, Enum, Json, Text, When


class Namespace(Resource):
    """A namespace. What stands in it names it, and follows when it is renamed."""

    one, many = "metadef_namespace", "metadef_namespaces"

    namespace = attr(Text(80, 1), key=True, create="required", update=True, sort=True)
    display_name = attr(Text(80), null=True, create=True, update=True, sort=True)
    description = attr(Text(500), null=True, create=True, update=True)
    visibility = attr(
        Enum("public", "private"), default="private", create=True, update=True, sort=True
    )
    protected = attr(Bool(), default=False, create=True, update=True, sort=True)
    owner = attr(Text(255), null=True, create=True, update=True, sort=True)
    created_at = attr(When(), default=now, sort=True)
    updated_at = attr(When(), default=now, sort=True)


class MetadefObject(Resource):
    """A named group of properties."""

    one, many = "metadef_object", "metadef_objects"

    namespace = attr(Text(80), key=True, show=False)
    name = attr(Text(80, 1), key=True, sort=True)
    description = attr(Text(65535), null=True)
    required = attr(Json(), default=list)
    properties = attr(Json(), default=dict)
    created_at = attr(When(), default=now, sort=True)
    updated_at = attr(When(), default=now, sort=True)


class MetadefProperty(Resource):
    """A property: its JSON schema."""

    one, many = "metadef_property", "metadef_properties"

    namespace = attr(Text(80), key=True)
    name = attr(Text(80, 1), key=True, sort=True)
    body = attr(Json())
    created_at = attr(When(), default=now)


class MetadefTag(Resource):
    """A tag."""

    one, many = "metadef_tag", "metadef_tags"

    namespace = attr(Text(80), key=True, show=False)
    name = attr(Text(80, 1), key=True, sort=True)
    created_at = attr(When(), default=now, sort=True)
    updated_at = attr(When(), default=now, sort=True)


class ResourceType(Resource):
    """A type of things that definitions may be about."""

    one, many = "metadef_resource_type", "metadef_resource_types"

    name = attr(Text(80, 1), key=True)
    created_at = attr(When(), default=now)
    updated_at = attr(When(), default=now)


class Association(Resource):
    """A namespace's definitions are about a type of things."""

    one, many = "metadef_association", "metadef_associations"

    namespace = attr(Text(80), key=True, show=False)
    name = attr(Text(80, 1), key=True, create="required", index=True)
    prefix = attr(Text(80), null=True, create=True)
    properties_target = attr(Text(80), null=True, create=True)
    created_at = attr(When(), default=now)
    updated_at = attr(When(), default=now)


INSIDE: tuple[type[Resource], ...] = (MetadefObject, MetadefProperty, MetadefTag, Association)
# The types that every cloud knows; others come with the namespaces that name them.
TYPES = (
    "OS::Cinder::Volume",
    "OS::Glance::Image",
    "OS::Nova::Aggregate",
    "OS::Nova::Flavor",
    "OS::Nova::Server",
    "OS::Trove::Instance",
)
