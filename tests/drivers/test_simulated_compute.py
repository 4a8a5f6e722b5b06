"""What the simulated hypervisor can do beyond the contract: fail and lag when told, be quick."""

import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from pileus.compute.driver import Disk, GuestSpec, Nic
from pileus.compute.drivers.simulated import SimulatedCompute
from pileus.core.backend import Broken, Busy, Refused


class NoImages:
    def path(self, image_id: str) -> tuple[Path, str]:
        raise Refused(f"There is no image {image_id}.")


def _spec(name: str = "one") -> GuestSpec:
    nic = Nic("p", "n", "fa:16:3e:00:00:01", 1442, ("10.0.0.4",))
    return GuestSpec(str(uuid.uuid4()), name, 1, 1, 128, (Disk("disk", 1),), (nic,))


def test_it_fails_as_often_as_told_and_does_nothing_then() -> None:
    host = SimulatedCompute("one", NoImages())
    host.fail_next("ensure", Busy("later"))
    host.fail_next("ensure", Broken("no disk"))
    for error in (Busy, Broken):
        with pytest.raises(error):
            host.ensure(_spec())
    assert not host.observe()
    assert host.ensure(_spec()).power == "running"


def test_only_the_operation_that_was_named_fails() -> None:
    host = SimulatedCompute("one", NoImages())
    host.fail_next("remove", Busy("later"))
    spec = _spec()
    host.ensure(spec)
    with pytest.raises(Busy):
        host.remove(spec.id)
    assert [guest.id for guest in host.observe()] == [spec.id]


def test_every_call_takes_the_delay() -> None:
    slept: list[float] = []
    host = SimulatedCompute("one", NoImages(), delay=2.5, sleep=slept.append)
    host.ensure(_spec())
    host.observe()
    host.facts()
    assert slept == [2.5, 2.5, 2.5]


def test_a_delayed_call_holds_up_no_other() -> None:
    entered, go = threading.Event(), threading.Event()

    def sleep(_: float) -> None:
        entered.set()
        assert go.wait(20)

    host = SimulatedCompute("one", NoImages(), delay=1, sleep=sleep)
    slow = threading.Thread(target=host.ensure, args=(_spec(),))
    slow.start()
    assert entered.wait(20)
    host.delay = 0
    assert not host.observe()
    go.set()
    slow.join(20)
    assert len(host.observe()) == 1


def test_a_new_process_finds_the_guests(tmp_path: Path) -> None:
    file = tmp_path / "state" / "guests.jsonl"
    before = SimulatedCompute("one", NoImages(), file=file)
    kept, gone = _spec("kept"), _spec("gone")
    for spec in (kept, gone, replace(kept, reboots=1), replace(kept, reboots=1, power="paused")):
        before.ensure(spec)
    before.remove(gone.id)

    after = SimulatedCompute("one", NoImages(), file=file)

    assert after.observe() == before.observe()
    assert after.console_log(kept.id) == before.console_log(kept.id)
    assert file.read_text().count("\n") == 1


def test_a_process_that_was_killed_while_writing_loses_only_that_line(tmp_path: Path) -> None:
    file = tmp_path / "guests.jsonl"
    host = SimulatedCompute("one", NoImages(), file=file)
    first, second = _spec("first"), _spec("second")
    host.ensure(first)
    size = file.stat().st_size
    host.ensure(second)
    whole = file.read_bytes()
    for end in range(size, len(whole)):
        file.write_bytes(whole[:end])
        again = SimulatedCompute("one", NoImages(), file=file)
        assert [guest.id for guest in again.observe()] == [first.id]
        again.ensure(second)
        assert len(SimulatedCompute("one", NoImages(), file=file).observe()) == 2


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    file = tmp_path / "guests.jsonl"
    file.write_text('{"id": "x"}\n')
    with pytest.raises(Broken, match=r"Line 1 of .*guests\.jsonl"):
        SimulatedCompute("one", NoImages(), file=file)


def test_a_thousand_guests_cost_well_below_a_second(tmp_path: Path) -> None:
    host = SimulatedCompute("one", NoImages(), file=tmp_path / "guests.jsonl")
    specs = [_spec(str(number)) for number in range(1000)]
    begun = time.process_time()
    for spec in specs:
        host.ensure(spec)
    each = (time.process_time() - begun) / 1000
    assert len(host.observe()) == 1000
    assert each < 0.0005, f"{each * 1000:.3f} ms each"
