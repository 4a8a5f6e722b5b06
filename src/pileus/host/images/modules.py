"""A chosen handful of kernel modules, with what busybox's modprobe needs to load them."""

import shutil
from collections.abc import Iterable
from pathlib import Path


def copy(tree: Path, wanted: Iterable[str], target: Path) -> None:
    """Copy `wanted` modules with all that they need from an unpacked kernel's `tree` to `target`.

    `tree` is …/lib/modules/<version>. Writes modules.dep and modules.alias as well, read from the
    modules themselves: the package has none (they are made when it is installed). A name that is
    not in the tree is skipped, since what is a module and what is built in varies by kernel.
    """
    files = {path.stem.replace("-", "_"): path for path in tree.rglob("*.ko")}
    target.mkdir(parents=True, exist_ok=True)
    needs: dict[str, list[str]] = {}
    aliases: list[str] = []
    queue = [name for name in wanted if name in files]
    while queue:
        name = queue.pop()
        if name in needs:
            continue
        info = _modinfo(files[name])
        needs[name] = [
            needed.replace("-", "_")
            for value in info.get("depends", [])
            for needed in value.split(",")
            if needed
        ]
        queue += needs[name]
        aliases += [f"alias {alias} {name}\n" for alias in info.get("alias", [])]
        shutil.copy(files[name], target / f"{name}.ko")
    lines = [
        f"{name}.ko: {' '.join(f'{needed}.ko' for needed in _closure(name, needs))}".rstrip() + "\n"
        for name in sorted(needs)
    ]
    (target / "modules.dep").write_text("".join(lines))
    (target / "modules.alias").write_text("".join(sorted(aliases)))


def _closure(name: str, needs: dict[str, list[str]]) -> list[str]:
    """All that `name` needs, the direct needs first: modprobe loads the list from its end."""
    order: list[str] = []

    def visit(one: str) -> None:
        for needed in needs[one]:
            if needed in order:
                order.remove(needed)
            order.append(needed)
            visit(needed)

    visit(name)
    return order


def _modinfo(module: Path) -> dict[str, list[str]]:
    """The fields `depends` and `alias` of a module: zero-ended strings in its .modinfo section."""
    info: dict[str, list[str]] = {}
    for text in module.read_bytes().split(b"\0"):
        for field in (b"depends=", b"alias="):
            if text.startswith(field):
                value = text[len(field) :].decode("ascii", "replace")
                info.setdefault(field[:-1].decode(), []).append(value)
    return info
