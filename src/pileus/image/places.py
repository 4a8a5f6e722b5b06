"""The stores that images' bytes lie in: folders of this machine, buckets of an object store, the
web."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from ..core.backend import Broken
from ..core.guarded import Guard, fetch
from .cached import Cache
from .pieces import pieces
from .rows import Image
from .settings import FILE, Place, Settings
from .sparse import copy
from .store import ImageStore


class Store(Protocol):
    """Where bytes of images lie, each under its image's id.

    Every method raises Broken when the store does not answer as it should.
    """

    place: Place

    def put(self, image_id: str, path: Path) -> None:
        """Store a file whole, for good; one that is there is replaced."""

    def read(self, image_id: str, first: int, last: int) -> Iterator[bytes]:
        """The bytes from `first` to `last`, both included. Raises FileNotFoundError."""

    def size(self, image_id: str) -> int | None:
        """How many bytes it has of this image; None where it has none."""

    def remove(self, image_id: str) -> None:
        """Remove an image's bytes; those that are gone are no error."""

    def names(self) -> set[str]:
        """The ids of all images that it has bytes of."""

    def url(self, image_id: str) -> str:
        """Where the bytes are, as locations tell it."""


class Folder:
    """A folder of this machine, besides the one that every cloud has."""

    def __init__(self, place: Place) -> None:
        self.place, self._root = place, Path(place.options["path"])

    def put(self, image_id: str, path: Path) -> None:
        """See Store."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            new = self._root / f".{image_id}.new"
            copy(path, new)
            os.replace(new, self._root / image_id)
        except OSError as problem:
            raise Broken(f"Store {self.place.id} takes no bytes: {problem}") from problem

    def read(self, image_id: str, first: int, last: int) -> Iterator[bytes]:
        """See Store."""
        return pieces(self._root / image_id, first, last)

    def size(self, image_id: str) -> int | None:
        """See Store."""
        try:
            return (self._root / image_id).stat().st_size
        except FileNotFoundError:
            return None

    def remove(self, image_id: str) -> None:
        """See Store."""
        for name in (image_id, f".{image_id}.new"):
            with suppress(FileNotFoundError):
                (self._root / name).unlink()

    def names(self) -> set[str]:
        """See Store."""
        if not self._root.is_dir():
            return set()
        return {entry.name.removesuffix(".new").lstrip(".") for entry in os.scandir(self._root)}

    def url(self, image_id: str) -> str:
        """See Store."""
        return f"file://{self._root / image_id}"


class Own(Folder):
    """The folder that every cloud has; its files come and go under the ImageStore's lock."""

    def __init__(self, place: Place, files: ImageStore) -> None:
        self.place, self._files, self._root = place, files, files.root

    def names(self) -> set[str]:
        """See Store."""
        return self._files.files()


class Stores:
    """All stores of this cloud, by id."""

    def __init__(self, settings: Settings, files: ImageStore) -> None:
        self.settings, self.files = settings, files
        self.cache = Cache(files.root / "cache", settings.image_cache_max_size)
        self._stores: dict[str, Store] = {}
        for place in settings.stores:
            if place.id == FILE:
                self._stores[FILE] = Own(place, files)
            elif place.kind == "file":
                self._stores[place.id] = Folder(place)
            elif place.kind == "s3":
                from .bucket import Bucket

                self._stores[place.id] = Bucket(place)

    def __getitem__(self, store_id: str) -> Store:
        """Raises Broken for one that the settings no longer have."""
        try:
            return self._stores[store_id]
        except KeyError:
            raise Broken(f"The settings have no image store {store_id!r} any more.") from None

    @property
    def guard(self) -> Guard:
        """What downloads on a user's behalf may reach."""
        one = self.settings
        return Guard(
            one.allowed_schemes,
            one.allowed_hosts,
            one.disallowed_hosts,
            one.allowed_ports,
            one.networks,
        )

    @property
    def writable(self) -> Mapping[str, Store]:
        """The stores that images are put into."""
        return self._stores

    def url(self, image_id: str, place: Mapping[str, Any]) -> str:
        """The URL of one of an image's places."""
        return str(place["url"]) if "url" in place else self[place["store"]].url(image_id)

    def ordered(self, image: Image) -> list[dict[str, Any]]:
        """Where to read an image from, the best first: the own folder, then by weight."""

        def rank(place: dict[str, Any]) -> tuple[bool, int]:
            declared = self.settings.store(place["store"])
            return place["store"] != FILE, -(declared.weight if declared else 0)

        return sorted(image.places, key=rank)

    def read(self, image: Image, first: int, last: int) -> Iterator[bytes]:
        """An image's bytes from the first of its places that gives them.

        Raises FileNotFoundError when none has them, Broken when none answers.
        """
        if self.cache.path(image.id).exists():
            with suppress(FileNotFoundError):
                return self.cache.read(image.id, first, last)
        problem: Exception = FileNotFoundError(f"image {image.id} has no bytes")
        for place in self.ordered(image):
            try:
                if "url" in place:
                    return fetch(place["url"], self.guard, first=first, last=last)
                return self[place["store"]].read(image.id, first, last)
            except (FileNotFoundError, Broken) as wrong:
                problem = wrong
        raise problem
