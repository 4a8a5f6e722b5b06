"""An object store in a process of its own: moto's server, over real HTTP."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from ...ports import free_port
from ...wait import until


@contextmanager
def object_store(bucket: str = "images") -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The URL of an S3 with one empty bucket, and its process."""
    port = free_port()
    words = ["-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    null = subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, *words], stdout=null, stderr=null, env=os.environ | {"LC_ALL": "C"}
    )
    url = f"http://127.0.0.1:{port}"

    def made() -> bool:
        try:
            return httpx.put(f"{url}/{bucket}", timeout=30).status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(made, "the object store", 60)
        yield url, process
    finally:
        process.kill()
        process.wait()


def options(url: str) -> dict[str, str]:
    keys = {"access_key": "key", "secret_key": "secret", "region": "us-east-1"}
    return {"bucket": "images", "endpoint": url, "prefix": "glance", **keys}
