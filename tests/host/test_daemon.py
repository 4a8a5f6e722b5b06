import os
import signal
from pathlib import Path

import pytest

from pileus.host.daemon import Daemon
from pileus.host.place import HostError, Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    # The run folder is a property of the machine; here it must not need root.
    monkeypatch.setattr(Place, "run", property(lambda self: self.state / "run"))
    return Place(tmp_path)


@pytest.fixture
def sleeper(place):
    daemon = Daemon(place, "sleeper", ("sleep", "1000"))
    yield daemon
    daemon.stop()


def test_start_twice_starts_one(sleeper):
    assert sleeper.start() is True
    first = sleeper.pid()

    assert sleeper.start() is False

    assert sleeper.pid() == first


def test_another_command_finds_and_stops_it(sleeper, place):
    sleeper.start()
    same = Daemon(place, "sleeper", ("sleep", "1000"))

    assert same.pid() == sleeper.pid()
    assert same.stop() is True
    assert not sleeper.running()


def test_it_leads_a_session_of_its_own(sleeper):
    sleeper.start()

    assert os.getsid(sleeper.pid()) == sleeper.pid()


def test_killed_one_is_started_again(sleeper):
    sleeper.start()
    dead = sleeper.pid()
    os.kill(dead, signal.SIGKILL)
    os.waitid(os.P_PID, dead, os.WEXITED | os.WNOWAIT)

    assert not sleeper.running()
    assert sleeper.start() is True


def test_reused_process_id_is_not_ours(sleeper, place):
    sleeper.start()
    record = place.run / "pids" / "sleeper"
    own = Path(f"/proc/{os.getpid()}/stat").read_text()
    genuine = record.read_text()
    fields = own.rsplit(")", 1)[1].split()
    record.write_text(own.replace(fields[19], "1", 1) if fields[19] != "1" else "")

    assert not sleeper.running()
    record.write_text(genuine)


def test_one_that_ignores_the_polite_request_is_killed(place):
    command = (
        "python3",
        "-c",
        "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True); signal.pause()",
    )
    daemon = Daemon(place, "stubborn", command, lambda: "up" in daemon.log.read_text())
    daemon.start()

    assert daemon.stop(timeout=0.2) is True
    assert not daemon.running()


def test_one_that_dies_is_told_with_the_end_of_its_log(place):
    daemon = Daemon(place, "broken", ("sh", "-c", "echo no such port >&2; exit 3"), lambda: False)

    with pytest.raises(HostError, match=r"(?s)broken ended right after its start.*no such port"):
        daemon.start()


def test_one_that_never_gets_ready_is_stopped(place):
    daemon = Daemon(place, "slow", ("sleep", "1000"), lambda: False)

    with pytest.raises(HostError, match=r"slow was not ready after 0.2 seconds"):
        daemon.start(timeout=0.2)

    assert not daemon.running()
