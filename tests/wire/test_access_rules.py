"""Paths of access rules."""

import time

import pytest

from pileus.wire import faults, pages
from pileus.wire.access_rules import permit
from pileus.wire.context import Request
from pileus.wire.service import Service

TOY = Service("toy", "toybox", "/toy", (), faults.compute, pages.links)


def _fits(rule: str, path: str) -> bool:
    return permit([{"path": rule}], TOY, Request("GET", path, "http://toy"))


@pytest.mark.parametrize(
    ("rule", "path", "fits"),
    [
        ("/v2.1/servers", "/v2.1/servers", True),
        ("/v2.1/servers", "/v2.1/servers/x", False),
        ("/v2.1/servers", "/v2x1/servers", False),
        ("/v2.1/servers/*", "/v2.1/servers/x", True),
        ("/v2.1/servers/*", "/v2.1/servers", False),
        ("/v2.1/servers/*", "/v2.1/servers/x/tags", False),
        ("/v2.1/servers/{server_id}/tags", "/v2.1/servers/x/tags", True),
        ("/v2.1/**", "/v2.1/servers/x/tags", True),
        ("/**/tags", "/v2.1/servers/x/tags", True),
        ("/**/tags", "/v2.1/servers/x/tag", False),
        ("/**/servers/**/tags", "/v2.1/servers/x/y/tags", True),
        ("/**/servers/*/**/tags/**", "/v2.1/servers/x/y/tags/z", True),
        ("/**/servers/**/tags", "/v2.1/server/x/tags", False),
    ],
)
def test_a_rule_fits_the_paths_that_it_describes(rule: str, path: str, fits: bool) -> None:
    assert _fits(rule, path) is fits


def test_no_rule_takes_long_to_say_no() -> None:
    started = time.perf_counter()

    assert not _fits("/**" * 40 + "/x", "/a" * 8000)

    assert time.perf_counter() - started < 1
