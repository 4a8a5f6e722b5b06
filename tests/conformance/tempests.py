"""Some of Tempest's tests against a running cloud.

python tempests.py BASE PASSWORD FOLDER REGEX [OPTIONS …]

OPTIONS: files with further options, as JSON or in the form of tempest.conf; the last one wins.
"""

import configparser
import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import subunit
import testtools
from cloud import Cloud

AT_ONCE = os.environ.get("CONCURRENCY", "2")
_CLASS = re.compile(r"(?:setUp|tearDown)Class \((.*)\)")


def settings(cloud: Cloud, base: str, password: str, folder: Path) -> dict[str, dict[str, str]]:
    """Tempest's options, as the cloud is; what it does not claim to have is skipped."""
    flavors = sorted(cloud.list("/compute/v2.1/flavors/detail"), key=lambda one: one["ram"])
    images = cloud.list("/image/v2/images")
    public = next(n for n in cloud.list("/network/v2.0/networks") if n["router:external"])
    extensions = [one["alias"] for one in cloud.list("/network/v2.0/extensions")]
    scoped = ("nova", "neutron", "glance", "keystone", "placement")
    return {
        "DEFAULT": {"log_dir": str(folder / "logs"), "log_file": "tempest.log"},
        "auth": {
            "use_dynamic_credentials": "true",
            "create_isolated_networks": "true",
            "default_credentials_domain_name": "Default",
            "admin_username": "admin",
            "admin_password": password,
            "admin_project_name": "admin",
            "admin_domain_name": "Default",
            "admin_system": "all",
            "tempest_roles": "member",
        },
        "identity": {
            "uri_v3": f"{base}/identity/v3",
            "auth_version": "v3",
            "region": "RegionOne",
            "v3_endpoint_type": "public",
            "default_domain_id": "default",
            "admin_role": "admin",
        },
        "compute": {
            "image_ref": images[0]["id"],
            "image_ref_alt": images[-1]["id"],
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
        "enforce_scope": dict.fromkeys(scoped, "true"),
        "oslo_concurrency": {"lock_path": str(folder / "lock")},
    }


class Results(testtools.StreamResult):
    """How each test ended, and what it said then."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[str, str] = {}
        self.words: dict[str, str] = {}

    def status(self, test_id=None, test_status=None, **more) -> None:  # type: ignore[no-untyped-def]
        if test_id is None:
            return
        if test_status not in (None, "inprogress", "exists"):
            self.ends[test_id] = test_status
        name, said = more.get("file_name") or "", more.get("file_bytes")
        if said and (name == "reason" or name.startswith("traceback")):
            self.words[test_id] = self.words.get(test_id, "") + bytes(said).decode(errors="replace")

    def end(self, test: str) -> tuple[str, str]:
        """A test's end and words: its own, or those of its class that could not begin."""
        if test in self.ends:
            return self.ends[test], self.words.get(test, "")
        own = test.split("[")[0].rsplit(".", 1)[0]
        for name, end in self.ends.items():
            found = _CLASS.match(name)
            if found and found[1] == own:
                return end, self.words.get(name, "")
        return "fail", "no result was told"


def report(wanted: list[str], results: Results) -> None:
    """Print every failure, and the numbers as the last line."""
    failed, skipped, passed = [], Counter(), 0
    for test in wanted:
        end, words = results.end(test)
        name = test.split("[")[0]
        if end in ("success", "xfail"):
            passed += 1
        elif end == "skip":
            skipped[(words.strip().splitlines() or ["no reason given"])[0]] += 1
        else:
            failed.append(name)
            print("=" * 78, f"\n{name}\n{words}")
    numbers = {"passed": passed, "failed": failed, "skipped": skipped.total(), "reasons": skipped}
    print(json.dumps(numbers))


def main(base: str, password: str, where: str, regex: str, *options: str) -> None:
    folder = Path(where)
    tempest = str(Path(sys.executable).with_name("tempest"))
    made = [tempest, "init", "--workspace-path", str(folder.parent / "tempest.yaml"), str(folder)]
    subprocess.run(made, check=True, stderr=subprocess.DEVNULL)
    config = configparser.ConfigParser(interpolation=None)
    config.read_dict(settings(Cloud(base, password), base, password, folder))
    for file in options:
        text = Path(file).read_text()
        if file.endswith(".json"):
            config.read_dict(json.loads(text))
        else:
            config.read_string(text)
    with (folder / "etc/tempest.conf").open("w") as file:
        config.write(file)
    listed = subprocess.run(
        [tempest, "run", "--list-tests", "--regex", regex],
        cwd=folder,
        text=True,
        capture_output=True,
    )
    wanted = [line for line in listed.stdout.splitlines() if re.search(regex, line)]
    if not wanted:
        raise SystemExit(f"No test fits {regex}.\n{listed.stderr}")
    command = [tempest, "run", "--subunit", "--concurrency", AT_ONCE, "--regex", regex]
    done = subprocess.run(command, cwd=folder, capture_output=True)
    results = Results()
    stream = subunit.ByteStreamToStreamResult(io.BytesIO(done.stdout), non_subunit_name="stdout")
    results.startTestRun()
    stream.run(results)
    results.stopTestRun()
    report(wanted, results)


if __name__ == "__main__":
    main(*sys.argv[1:])
