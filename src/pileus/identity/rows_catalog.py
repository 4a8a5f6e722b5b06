"""The rows of what shapes a project's catalog, and of policies for endpoints."""

from ..core.resource import Resource, attr, new_hex
from ..core.types import Object, Text
from .rows import Endpoint, Free

_FILTERS = Object({"service_id": Text(64, 1), "region_id": Text(255, 1), "interface": Text(8, 1)})


class PolicyDocument(Free, Resource):
    """A text of some type (`application/json`, say)."""

    one, many, table_name = "policy", "policies", "identity_policies"

    id = attr(Text(64, 1), key=True, default=new_hex)
    type = attr(Text(255, 1), create="required", update=True, filter=True)
    blob = attr(Text(65535), create="required", update=True)


class PolicyAssociation(Resource):
    """What a policy is for; a part that is not named is ""."""

    one, many = "policy_association", "policy_associations"
    table_name = "identity_policy_associations"

    endpoint_id = attr(Text(64), key=True, default="")
    service_id = attr(Text(64), key=True, default="", index=True)
    region_id = attr(Text(255), key=True, default="", index=True)
    policy_id = attr(Text(64), references="identity_policies.id", index=True)


class EndpointGroup(Resource):
    """A name for all endpoints that have the values in `filters`."""

    one, many, table_name = "endpoint_group", "endpoint_groups", "identity_endpoint_groups"

    id = attr(Text(64, 1), key=True, default=new_hex)
    name = attr(Text(255, 1), create="required", update=True, filter=True)
    description = attr(Text(65535), null=True, create=True, update=True)
    filters = attr(_FILTERS, create="required", update=True)

    def has(self, endpoint: Endpoint) -> bool:
        """Whether the endpoint is one of the group's."""
        return all(getattr(endpoint, name) == value for name, value in self.filters.items())


class ProjectEndpointGroup(Resource):
    """An endpoint group in a project's catalog."""

    one, many = "project_endpoint_group", "project_endpoint_groups"
    table_name = "identity_project_endpoint_groups"

    project_id = attr(Text(64), key=True)
    endpoint_group_id = attr(
        Text(64), key=True, references="identity_endpoint_groups.id", index=True
    )


class ProjectEndpoint(Resource):
    """An endpoint in a project's catalog."""

    one, many = "project_endpoint", "project_endpoints"
    table_name = "identity_project_endpoints"

    project_id = attr(Text(64), key=True)
    endpoint_id = attr(Text(64), key=True, references="identity_endpoints.id", index=True)
