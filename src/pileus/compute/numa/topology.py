"""What a guest's processors look like to it: sockets, cores, threads."""

from collections.abc import Mapping
from typing import Any

from ...core.errors import BadRequest

_PARTS = ("sockets", "cores", "threads")


def topology(flavor: Mapping[str, Any], image: Mapping[str, str]) -> tuple[int, ...]:
    """(sockets, cores a socket, threads a core); () where nobody asks, one socket each.

    Of several that go, the one with most sockets, then with most cores. Raises BadRequest when none
    goes, or when the image asks for more than the flavor allows.
    """
    specs: Mapping[str, str] = flavor.get("extra_specs", {})
    exact, most = {}, {}
    for part in _PARTS:
        ours = _number(specs.get(f"hw:cpu_{part}"))
        theirs = _number(image.get(f"hw_cpu_{part}"))
        bound = _number(specs.get(f"hw:cpu_max_{part}", specs.get(f"hw:max_cpu_{part}")))
        own = _number(image.get(f"hw_cpu_max_{part}"))
        for asked in (theirs, own):
            if bound and asked and asked > bound:
                raise BadRequest(f"The image asks for {asked} {part}, its flavor allows {bound}.")
        if ours and theirs and ours != theirs:
            raise BadRequest(f"The image asks for {theirs} {part}, its flavor for {ours}.")
        exact[part], most[part] = ours or theirs, own or bound
    if not any((*exact.values(), *most.values())):
        return ()
    vcpus = int(flavor["vcpus"])
    for sockets in range(vcpus, 0, -1):
        for cores in range(vcpus // sockets, 0, -1):
            threads = vcpus // sockets // cores
            found = {"sockets": sockets, "cores": cores, "threads": threads}
            if sockets * cores * threads == vcpus and all(
                exact[part] in (0, n) and n <= (most[part] or n) for part, n in found.items()
            ):
                return sockets, cores, threads
    said = [f"{n} {part}" for part, n in exact.items() if n]
    said += [f"at most {n} {part}" for part, n in most.items() if n]
    raise BadRequest(f"{vcpus} processors cannot be arranged as asked: {', '.join(said)}.")


def _number(text: str | None) -> int:
    """0 for nothing. Raises BadRequest."""
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise BadRequest(f"Sockets, cores and threads are whole numbers, not {text[:40]!r}.")
    return int(text)
