"""The functions that compute calls, against brute force and against each other in threads."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pileus import placement
from pileus.core.audit import audit
from pileus.core.db import Database, Tx
from pileus.core.parts import Parts
from pileus.core.resource import schema
from pileus.placement import Inventory, NoCapacity

CLASSES = ("VCPU", "MEMORY_MB")
TRAITS = ("HW_CPU_X86_VMX", "HW_CPU_X86_AVX")
small = st.integers(0, 6)
inventories = st.builds(
    lambda total, reserved, ratio, least, most, step: Inventory(
        total, min(reserved, total), ratio, least, most, step
    ),
    st.integers(1, 8),
    small,
    st.sampled_from([0.5, 1.0, 1.3, 2.0]),
    st.integers(1, 2),
    st.integers(1, 8),
    st.integers(1, 3),
)
hosts = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(CLASSES), inventories), st.sets(st.sampled_from(TRAITS))
    ),
    min_size=1,
    max_size=4,
)
wishes = st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 6), min_size=1)


def fits(stock: dict[str, Inventory], used: dict[str, int], wish: dict[str, int]) -> bool:
    for name, amount in wish.items():
        one = stock.get(name)
        if one is None or not one.min_unit <= amount <= one.max_unit or amount % one.step_size:
            return False
        if used.get(name, 0) + amount > (one.total - one.reserved) * one.allocation_ratio:
            return False
    return True


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    hosts,
    st.lists(
        st.tuples(
            wishes,
            st.sets(st.sampled_from(TRAITS), max_size=1),
            st.sets(st.sampled_from(TRAITS), max_size=1),
            st.integers(0, 3),
            st.booleans(),
        ),
        max_size=8,
    ),
)
def test_candidates_and_claims_agree_with_brute_force(
    tmp_path_factory: pytest.TempPathFactory, fleet: list, requests: list
) -> None:
    path = tmp_path_factory.mktemp("claims") / "x.db"
    db = Database(f"sqlite:///{path}")
    schema.create_all(db.engine)
    index = placement.Index(db)
    used: list[dict[str, int]] = [{} for _ in fleet]
    held: dict[str, tuple[int, dict[str, int]]] = {}
    for i, (stock, traits) in enumerate(fleet):
        db.run(
            lambda tx, i=i, s=stock, t=traits: placement.provider_put(tx, f"p{i}", f"h{i}", s, t)
        )

    for n, (wish, required, forbidden, pick, drop) in enumerate(requests):
        found, funnel = db.read(
            lambda tx, w=wish, r=required, f=forbidden: placement.candidates(
                tx, w, required=r, forbidden=f
            )
        )
        right = [
            f"p{i}"
            for i, (stock, traits) in enumerate(fleet)
            if required <= traits and not forbidden & traits and fits(stock, used[i], wish)
        ]
        assert [c.provider_id for c in found] == right
        quick = db.read(lambda tx, w=wish: list(index.fitting(tx, w, "MEMORY_MB")))
        room = [i for i, (stock, _) in enumerate(fleet) if fits(stock, used[i], wish)]
        assert sorted(quick) == [f"p{i}" for i in room]
        assert funnel.steps[0] == ("hosts", len(fleet))
        assert funnel.steps[-1][1] == len(right)

        at = pick % len(fleet)
        may = fits(fleet[at][0], used[at], wish)
        try:
            db.run(
                lambda tx, n=n, at=at, w=wish: placement.claim(tx, f"c{n}", "p", "u", f"p{at}", w)
            )
            assert may
            used[at] = {k: used[at].get(k, 0) + wish.get(k, 0) for k in CLASSES}
            held[f"c{n}"] = (at, wish)
        except NoCapacity:
            assert not may
        if drop and held:
            consumer, (at, gone) = held.popitem()
            db.run(lambda tx, c=consumer: placement.release(tx, c))
            used[at] = {k: used[at].get(k, 0) - gone.get(k, 0) for k in CLASSES}

    counted = db.read(placement.usages)
    for i, (stock, _) in enumerate(fleet):
        for name in stock:
            assert counted[f"p{i}"][name].used == used[i].get(name, 0)
    assert db.read(lambda tx: audit(placement.INVARIANTS, Parts(), tx)) == []
    db.close()


def test_threads_never_exceed_and_lose_nothing(db: Database) -> None:
    stock = {"VCPU": Inventory(10), "MEMORY_MB": Inventory(1000)}
    for i in range(3):
        db.run(lambda tx, i=i: placement.provider_put(tx, f"p{i}", f"h{i}", stock, ()))
    wish = {"VCPU": 1, "MEMORY_MB": 7}
    granted: list[str] = []
    start = threading.Barrier(8)

    def worker(number: int) -> None:
        start.wait()
        for n in range(8):
            consumer = f"c{number}-{n}"
            try:
                db.run(lambda tx, c=consumer: _anywhere(tx, c))
                granted.append(consumer)
            except NoCapacity:
                pass

    def _anywhere(tx: Tx, consumer: str) -> None:
        found, _ = placement.candidates(tx, wish)
        if not found:
            raise NoCapacity("no host")
        placement.claim(tx, consumer, "p", "u", found[0].provider_id, wish)

    threads = [threading.Thread(target=worker, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(granted) == 30
    for consumer in granted:
        assert list(db.read(lambda tx, c=consumer: placement.allocations(tx, c)).values()) == [wish]
    assert [u["VCPU"].used for u in db.read(placement.usages).values()] == [10, 10, 10]
    assert db.read(lambda tx: audit(placement.INVARIANTS, Parts(), tx)) == []


def test_a_refused_claim_leaves_the_transaction_usable(db: Database) -> None:
    for i, cpus in enumerate((1, 4)):
        stock = {"VCPU": Inventory(cpus), "MEMORY_MB": Inventory(100)}
        db.run(lambda tx, i=i, s=stock: placement.provider_put(tx, f"p{i}", f"h{i}", s, ()))
    wish = {"VCPU": 2, "MEMORY_MB": 10}

    def try_both(tx: Tx) -> str:
        try:
            placement.claim(tx, "c", "p", "u", "p0", wish)
        except NoCapacity as short:
            placement.claim(tx, "c", "p", "u", "p1", wish)
            return short.message
        return ""

    message = db.run(try_both)

    assert "2 VCPU would exceed its capacity of 1" in message
    assert db.read(lambda tx: placement.allocations(tx, "c")) == {"p1": wish}
    assert db.read(placement.usages)["p0"]["MEMORY_MB"].used == 0


def test_claiming_twice_is_claiming_once(db: Database) -> None:
    db.run(lambda tx: placement.provider_put(tx, "p", "h", {"VCPU": Inventory(4)}, ()))

    for _ in range(2):
        db.run(lambda tx: placement.claim(tx, "c", "p", "u", "p", {"VCPU": 3}))
    db.run(lambda tx: placement.claim(tx, "c", "p", "u", "p", {"VCPU": 4}))

    assert db.read(placement.usages)["p"]["VCPU"].used == 4
    db.run(lambda tx: placement.release(tx, "c"))
    db.run(lambda tx: placement.release(tx, "c"))
    db.run(lambda tx: placement.provider_remove(tx, "p"))
    db.run(lambda tx: placement.provider_remove(tx, "p"))
    assert db.read(placement.usages) == {}


def test_the_gauges_have_the_exporters_names(db: Database) -> None:
    db.run(lambda tx: placement.provider_put(tx, "p", "h", {"VCPU": Inventory(4)}, ()))
    db.run(lambda tx: placement.claim(tx, "c", "p", "u", "p", {"VCPU": 3}))

    found = {s.name: s.value for s in db.read(lambda tx: list(placement.samples(tx)))}

    assert found["openstack_placement_resource_total"] == 4
    assert found["openstack_placement_resource_usage"] == 3
    assert found["openstack_placement_resource_provider_allocations"] == 1
