"""How `pileus explain` writes a funnel."""

from pileus.cli.explain import funnel_lines
from pileus.compute.scheduler import Funnel


def test_a_constraint_that_removed_nobody_has_no_number() -> None:
    funnel = Funnel(3, [("enabled and up", 3), ("zone nova", 1)])

    assert funnel_lines(funnel.view()) == [
        "       3  hosts",
        "       3  left by enabled and up",
        "       1  left by zone nova (-2)",
    ]


def test_one_host_is_one_host() -> None:
    assert funnel_lines(Funnel(1, []).view()) == ["       1  host"]
