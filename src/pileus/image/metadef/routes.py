"""The routes of definitions."""

from ...wire.route import Route
from . import content, namespace, schemas

_ALL = "/v2/metadefs/namespaces"
_ONE = _ALL + "/{namespace}"
_SCHEMAS = "/v2/schemas/metadefs"

ROUTES = (
    Route("GET", _ALL, namespace.listing, policy="get_metadef_namespaces"),
    Route("POST", _ALL, namespace.create, status=201),
    Route("GET", _ONE, namespace.show),
    Route("PUT", _ONE, namespace.update),
    Route("DELETE", _ONE, namespace.delete, status=204),
    Route("GET", _ONE + "/objects", content.list_objects),
    Route("POST", _ONE + "/objects", content.create_object, status=201),
    Route("DELETE", _ONE + "/objects", namespace.delete_objects, status=204),
    Route("GET", _ONE + "/objects/{name}", content.show_object),
    Route("PUT", _ONE + "/objects/{name}", content.update_object),
    Route("DELETE", _ONE + "/objects/{name}", content.delete_object, status=204),
    Route("GET", _ONE + "/properties", content.list_properties),
    Route("POST", _ONE + "/properties", content.create_property, status=201),
    Route("DELETE", _ONE + "/properties", namespace.delete_properties, status=204),
    Route("GET", _ONE + "/properties/{name}", content.show_property),
    Route("PUT", _ONE + "/properties/{name}", content.update_property),
    Route("DELETE", _ONE + "/properties/{name}", content.delete_property, status=204),
    Route("GET", _ONE + "/tags", content.list_tags),
    Route("POST", _ONE + "/tags", content.create_tags, status=201),
    Route("DELETE", _ONE + "/tags", namespace.delete_tags, status=204),
    Route("GET", _ONE + "/tags/{name}", content.show_tag),
    Route("POST", _ONE + "/tags/{name}", content.create_tag, status=201),
    Route("PUT", _ONE + "/tags/{name}", content.update_tag),
    Route("DELETE", _ONE + "/tags/{name}", content.delete_tag, status=204),
    Route("GET", "/v2/metadefs/resource_types", content.list_types),
    Route("GET", _ONE + "/resource_types", content.list_associations),
    Route("POST", _ONE + "/resource_types", content.create_association, status=201),
    Route("DELETE", _ONE + "/resource_types/{name}", content.delete_association, status=204),
    *(
        Route("GET", f"{_SCHEMAS}/{name}", answer, tx="none")
        for name, answer in schemas.ANSWERS.items()
    ),
)
