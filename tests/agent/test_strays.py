"""What is told as a stray, and when it is one no more."""

from pathlib import Path

from pileus.attendant import Attendant

from .fleet import site


def test_a_guest_deleted_while_its_agent_was_away_is_no_stray_once_removed(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.host("far")
        server = place.create("far")
        place.active(server)
        place.hosts.stop("far")
        place.delete(server)

        async def again() -> Attendant:
            identity = place.hosts.identity("far")
            return Attendant(identity, place.hosts._pool, timing=place.hosts.timing, resync=600)

        place.hosts.start(place.hosts.do(again()), "far")

        place.gone(server)
        place.cloud.settle()
        place.until(lambda: not place.cloud.audit(), "the audit to be clean before another look")
