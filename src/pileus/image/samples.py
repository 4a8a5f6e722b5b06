"""Metrics of images, under the openstack-exporter's names."""

from collections.abc import Iterable
from datetime import UTC

from ..core.db import Tx
from ..core.metrics import Sample
from .rows import Image


def samples(tx: Tx) -> Iterable[Sample]:
    """The number of images, and the size and birth of each."""
    images = tx.all(Image)
    yield Sample("openstack_glance_up", 1)
    yield Sample("openstack_glance_images", len(images))
    for image in images:
        labels = {"id": image.id, "name": image.name or "", "tenant_id": image.owner}
        yield Sample("openstack_glance_image_bytes", image.size or 0, labels)
        labels = {"status": image.status, "visibility": image.visibility, **labels}
        labels |= {"hidden": str(image.os_hidden).lower()}
        born = image.created_at.replace(tzinfo=UTC).timestamp()
        yield Sample("openstack_glance_image_created_at", born, labels)
