from pathlib import Path

from pileus.host.place import Place


def test_sockets_have_room_however_long_the_state_directory_is():
    place = Place(Path("/var/lib") / ("x" * 200))

    longest = place.run / "ovs" / f"pi{place.tag}.snoop.1234567"

    assert len(str(longest)) < 108


def test_two_clouds_never_share_names():
    one, other = Place(Path("/srv/one")), Place(Path("/srv/other"))

    assert one.run != other.run
    assert one.tag != other.tag
