"""A bucket of an object store that speaks S3, by obstore."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from ..core.backend import Broken
from .settings import Place

_PART = 16 << 20  # bytes of a part of an upload; at most so many of them are in memory
_PARTS = 4
_PIECE = 1 << 20
_PATIENCE = "30s"


class Bucket:
    """See places.Store: an object an image, named by its id below the prefix."""

    def __init__(self, place: Place) -> None:
        self.place = place
        given = place.options
        self._prefix = given.get("prefix", "").strip("/")
        endpoint = given.get("endpoint")
        self._store = S3Store(
            given["bucket"],
            endpoint=endpoint,
            region=given.get("region", "us-east-1"),
            access_key_id=given.get("access_key"),
            secret_access_key=given.get("secret_key"),
            virtual_hosted_style_request=False,
            client_options={
                "allow_http": bool(endpoint and endpoint.startswith("http://")),
                "connect_timeout": _PATIENCE,
                "timeout": "600s",
            },
            retry_config={"max_retries": 2},
        )

    def _key(self, image_id: str) -> str:
        return f"{self._prefix}/{image_id}" if self._prefix else image_id

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except (BaseError, OSError, ValueError) as problem:
            text = str(problem).splitlines()[0][:300] if str(problem) else type(problem).__name__
            raise Broken(f"Store {self.place.id} does not answer: {text}") from problem

    def put(self, image_id: str, path: Path) -> None:
        """See places.Store."""
        with self._speaking(), path.open("rb") as file:
            obstore.put(
                self._store,
                self._key(image_id),
                file,
                use_multipart=path.stat().st_size > _PART,
                chunk_size=_PART,
                max_concurrency=_PARTS,
            )

    def read(self, image_id: str, first: int, last: int) -> Iterator[bytes]:
        """See places.Store."""
        with self._speaking():
            options = {"range": (first, last + 1)} if last >= first else {}
            found = obstore.get(self._store, self._key(image_id), options=options)  # type: ignore[arg-type]
            stream = found.stream(min_chunk_size=_PIECE)

        def pieces() -> Iterator[bytes]:
            with self._speaking():
                for piece in stream:
                    yield bytes(piece)

        return pieces()

    def size(self, image_id: str) -> int | None:
        """See places.Store."""
        try:
            with self._speaking():
                return int(obstore.head(self._store, self._key(image_id))["size"])
        except FileNotFoundError:
            return None

    def remove(self, image_id: str) -> None:
        """See places.Store."""
        try:
            with self._speaking():
                obstore.delete(self._store, self._key(image_id))
        except FileNotFoundError:
            return

    def names(self) -> set[str]:
        """See places.Store."""
        found = set()
        with self._speaking():
            for page in obstore.list(self._store, self._prefix or None):
                found |= {str(one["path"]).rpartition("/")[2] for one in page}
        return found

    def url(self, image_id: str) -> str:
        """See places.Store."""
        return f"s3://{self.place.options['bucket']}/{self._key(image_id)}"
