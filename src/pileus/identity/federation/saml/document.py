"""XML from outside, read so that it can neither reach out nor blow up."""

from typing import Any

from lxml import etree

from ....core.errors import Unauthorized


def parse(data: bytes) -> Any:
    """The root element. Raises Unauthorized for what is no XML, or declares entities."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as wrong:
        raise Unauthorized(f"What the identity provider sent is no XML: {wrong}"[:300]) from None
    if root.getroottree().docinfo.doctype:
        raise Unauthorized("What the identity provider sent has a DOCTYPE, which SAML never has.")
    return root


def dump(element: Any) -> bytes:
    """The element as XML, as it is signed: no white space added."""
    found: bytes = etree.tostring(element)
    return found


def text(element: Any) -> str:
    """All text within an element."""
    return "" if element is None else "".join(element.itertext()).strip()
