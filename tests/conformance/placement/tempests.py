"""Tempest's tests of placement against a running cloud.

python tempests.py BASE PASSWORD FOLDER
"""

import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

from cloud import Cloud

WANTED = "(?i)placement"


def settings(cloud: Cloud, base: str, password: str, folder: Path) -> dict[str, dict[str, str]]:
    """Tempest's options, as the cloud is; what it does not claim to have is skipped."""
    flavors = sorted(cloud.list("/compute/v2.1/flavors/detail"), key=lambda one: one["ram"])
    image = cloud.list("/image/v2/images")[0]["id"]
    public = next(n for n in cloud.list("/network/v2.0/networks") if n["router:external"])
    extensions = [one["alias"] for one in cloud.list("/network/v2.0/extensions")]
    return {
        "auth": {
            "admin_username": "admin",
            "admin_password": password,
            "admin_project_name": "admin",
            "admin_domain_name": "Default",
            "tempest_roles": "member",
        },
        "identity": {"uri_v3": f"{base}/identity/v3", "auth_version": "v3", "region": "RegionOne"},
        "compute": {
            "image_ref": image,
            "image_ref_alt": image,
            "flavor_ref": flavors[0]["id"],
            "flavor_ref_alt": flavors[1]["id"],
            "min_microversion": "2.1",
            "max_microversion": "latest",
        },
        "network": {"public_network_id": public["id"], "floating_network_name": public["name"]},
        "network-feature-enabled": {
            "api_extensions": ",".join(extensions),
        },
        "placement": {"min_microversion": "1.0", "max_microversion": "latest"},
        "service_available": {"horizon": "false", "swift": "false", "cinder": "false"},
        "validation": {"run_validation": "false"},
        "oslo_concurrency": {"lock_path": str(folder / "lock")},
    }


def main(base: str, password: str, where: str) -> None:
    folder = Path(where)
    tempest = str(Path(sys.executable).with_name("tempest"))
    made = [tempest, "init", "--workspace-path", str(folder.parent / "tempest.yaml"), str(folder)]
    subprocess.run(made, check=True, stderr=subprocess.DEVNULL)
    config = configparser.ConfigParser()
    config.read_dict(settings(Cloud(base, password), base, password, folder))
    with (folder / "etc/tempest.conf").open("w") as file:
        config.write(file)
    command = [tempest, "run", "--serial", "--regex", WANTED]
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True)
    print(done.stdout, done.stderr)
    counts = {word: _count(word, done.stdout) for word in ("Passed", "Skipped")}
    failed = re.findall(r"^(\S+)(?:\[\S+)?\n-+\n\nCaptured", done.stdout, re.MULTILINE)
    line = {"passed": counts["Passed"], "failed": failed, "skipped": counts["Skipped"]}
    print(json.dumps(line))


def _count(word: str, text: str) -> int:
    found = re.search(rf"^ - {word}: (\d+)", text, re.MULTILINE)
    if found is None:
        raise SystemExit("Tempest ran nothing.")
    return int(found[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
