"""Random requests to placement: most of them right, some of them a little wrong."""

import random
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

CLASSES = ["VCPU", "MEMORY_MB", "DISK_GB", "SRIOV_NET_VF", "VGPU", "PCPU"]
NOWHERE = "00000000-0000-0000-0000-000000000007"
# (method, path, body, microversion)
Ask = tuple[str, str, Any, str]


@dataclass
class Asks:
    """Requests about these providers, consumers, traits and aggregates."""

    random: random.Random
    providers: list[str]
    consumers: list[str]
    traits: list[str]
    aggregates: list[str]
    generations: dict[str, int] = field(default_factory=dict)  # of providers, now
    held: dict[str, int | None] = field(default_factory=dict)  # generations of consumers, now

    def often(self, right: Any, *wrong: Any, chance: float = 0.06) -> Any:
        """What is right, or now and then one of the others."""
        return self.random.choice(wrong) if self.random.random() < chance else right

    def some(self, one: Any, most: int = 3) -> list[Any]:
        return [one() for _ in range(self.random.randint(0, most))]

    def pick(self, things: list[Any]) -> Any:
        return self.random.choice(things)

    def version(self, least: int = 0) -> str:
        return f"1.{self.random.choice([*range(least, 40), *[39] * 20])}"

    def provider(self) -> str:
        return str(self.often(self.pick(self.providers), "x", NOWHERE, chance=0.03))

    def resource(self) -> str:
        return str(self.often(self.pick(CLASSES), "CUSTOM_NO", "vcpu", chance=0.03))

    def amount(self) -> Any:
        return self.often(self.random.choice([1, 1, 2, 4, 10, 100]), 0, -1, 1.5, "1", True, 2**31)

    def new(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def question(self) -> Ask:
        """A GET."""
        kind = self.random.choice([self._list, self._list, self._candidates, self._look])
        return "GET", kind(), None, self.version()

    def _resources(self) -> str:
        parts = [f"{self.pick(CLASSES)}:{self.pick([1, 2, 10, 500])}" for _ in range(2)]
        odd = ("", "VCPU", "VCPU:", "VCPU:0", "VCPU:-1", "VCPU:1.5", ":1", "VCPU:1,", "VCPU:1:2")
        return str(self.often(",".join(parts[: self.random.choice([1, 1, 2])]), *odd))

    def _required(self) -> str:
        names = [self.pick(self.traits) for _ in range(self.random.choice([1, 1, 2]))]
        if self.random.random() < 0.2:
            return "in:" + ",".join([*names, *self.often([], ["!A"], [""])])
        marked = [self.pick(["", "", "", "!"]) + name for name in names]
        return ",".join([*marked, *self.often([], [""], chance=0.04)])

    def _member(self) -> str:
        several = "in:" + ",".join([self.pick(self.aggregates), self.pick(self.aggregates)])
        one = self.pick([self.pick(self.aggregates), several])
        marked = self.pick(["", "", "!"]) + one
        return str(self.often(marked, "", "x", "in:", "!in:", "!", several[3:]))

    def _filters(self, suffix: str = "") -> list[tuple[str, str]]:
        found = [("resources" + suffix, self._resources())] if self.random.random() < 0.9 else []
        found += [("required" + suffix, one) for one in self.some(self._required, 1)]
        found += [("member_of" + suffix, one) for one in self.some(self._member, 1)]
        if self.random.random() < 0.1:
            found.append(("in_tree" + suffix, self.provider()))
        return found

    def _list(self) -> str:
        found = self._filters() if self.random.random() < 0.8 else []
        if self.random.random() < 0.15:
            found.append(("uuid", self.provider()))
        if self.random.random() < 0.1:
            found.append((self.pick(["name", "foo", "limit"]), self.pick(["", "x"])))
        return "/resource_providers?" + urlencode(found)

    def _candidates(self) -> str:
        groups = self.random.choice([[""], ["", "1"], ["1", "2"], ["_a", "_b"], ["", "01"]])
        found = [one for suffix in groups for one in self._filters(suffix)]
        if self.random.random() < 0.6:
            found.append(("group_policy", str(self.often(self.pick(["none", "isolate"]), "", "x"))))
        if self.random.random() < 0.1:
            found.append(("root_required", self._required()))
        if self.random.random() < 0.15:
            found.append(("same_subtree", self.pick(["1,2", "_a,_b", "1", "", "1,", "1,_x"])))
        if self.random.random() < 0.05:
            found.append(("limit", self.pick(["0", "-1", "x", "", "01"])))
        return "/allocation_candidates?" + urlencode(found)

    def _look(self) -> str:
        parts = ["", "/traits", "/aggregates", "/usages", "/allocations", "/inventories", "/cows"]
        usages = {"project_id": self.pick(["p", ""]), "consumer_type": self.pick(["all", "X", "x"])}
        names = {"name": self.pick(["in:VCPU", "startswith:CUSTOM", "x", "in:"])}
        here = f"/resource_providers/{self.provider()}"
        return self.pick(
            [
                here + self.pick(parts),
                here + self.pick(parts),
                f"{here}/inventories/{self.resource()}",
                f"/allocations/{self.often(self.pick(self.consumers), 'x')}",
                f"/resource_classes/{self.resource()}",
                f"/traits/{self.pick(self.traits)}",
                "/resource_classes",
                f"/traits?{urlencode(names)}",
                f"/usages?{urlencode(dict(self.random.sample(list(usages.items()), 1)))}",
                "/",
                "/cows",
                "/reshaper",
            ]
        )

    def change(self) -> Ask:
        """A request that would write."""
        kinds = [self._allocate, self._allocate, self._allocate_many, self._stock, self._stock]
        kinds += [self._stock_one, self._mark, self._join, self._make, self._move, self._drop]
        return self.random.choice([*kinds, self._name, self._reshape])()

    def _generation(self, provider: str) -> Any:
        now = self.generations.get(provider, 0)
        return self.often(now, now + 1, -1, None, "x", chance=0.1)

    def _inventory(self) -> dict[str, Any]:
        found = {"total": self.often(self.random.choice([4, 16, 100, 2000]), 0, -1, 1.5, "4")}
        for name in ("reserved", "min_unit", "max_unit", "step_size"):
            if self.random.random() < 0.1:
                found[name] = self.amount()
        if self.random.random() < 0.1:
            found["allocation_ratio"] = self.random.choice([2, 0.5, 16.0, 0, "1", 1e39])
        return found | self.often({}, {"odd": 1}, chance=0.02)

    def _stocks(self, provider: str) -> dict[str, Any]:
        stocks = {self.resource(): self._inventory() for _ in range(self.random.randint(0, 3))}
        return {"resource_provider_generation": self._generation(provider), "inventories": stocks}

    def _stock(self) -> Ask:
        one = self.provider()
        path = f"/resource_providers/{one}/inventories"
        return "PUT", path, self._stocks(one), self.version()

    def _stock_one(self) -> Ask:
        one, name = self.provider(), self.resource()
        path = f"/resource_providers/{one}/inventories"
        if self.random.random() < 0.4:
            return "POST", path, self._inventory() | {"resource_class": name}, self.version()
        body = self._inventory() | {"resource_provider_generation": self._generation(one)}
        return "PUT", f"{path}/{name}", body, self.version()

    def _mark(self) -> Ask:
        one = self.provider()
        traits = self.some(lambda: self.pick(self.traits))
        body = {"resource_provider_generation": self._generation(one), "traits": traits}
        return "PUT", f"/resource_providers/{one}/traits", body, self.version()

    def _join(self) -> Ask:
        one, version = self.provider(), self.version()
        ids: Any = self.some(lambda: self.often(self.pick(self.aggregates), "x"))
        if int(version[2:]) >= 19:
            ids = {"resource_provider_generation": self._generation(one), "aggregates": ids}
        return "PUT", f"/resource_providers/{one}/aggregates", ids, version

    def _make(self) -> Ask:
        body = {"name": self.often(f"n{self.new()}", "", "x" * 201, "ü"), "uuid": self.new()}
        if self.random.random() < 0.5:
            body["parent_provider_uuid"] = self.provider()
        return "POST", "/resource_providers", body, self.version()

    def _move(self) -> Ask:
        body = {"name": f"n{self.new()}"}
        if self.random.random() < 0.8:
            body["parent_provider_uuid"] = self.often(self.provider(), None, chance=0.3)
        return "PUT", f"/resource_providers/{self.provider()}", body, self.version()

    def _drop(self) -> Ask:
        here = f"/resource_providers/{self.provider()}"
        paths = [here, f"{here}/traits", f"{here}/inventories"]
        paths += [f"{here}/inventories/{self.resource()}"]
        return (
            "DELETE",
            self.pick([*paths, f"/allocations/{self.pick(self.consumers)}"]),
            None,
            (self.version()),
        )

    def _name(self) -> Ask:
        path = self.pick(["/traits/", "/resource_classes/"])
        name = self.pick(["CUSTOM_A", "CUSTOM_B", "x", "VCPU", "HW_CPU_X86_SSE", "CUSTOM_"])
        return self.pick(["PUT", "DELETE"]), path + name, None, self.version(7)

    def _shares(self, consumer: str, minor: int) -> dict[str, Any]:
        # From 1.28 on, as before it upstream may keep a consumer that holds nothing.
        shares = {
            self.provider(): {
                "resources": {self.resource(): self.amount() for _ in range(self.pick([1, 1, 2]))}
            }
            for _ in range(self.random.choice([1, 1, 2]))
        }
        now = self.held.get(consumer)
        body = {
            "allocations": shares,
            "project_id": self.pick(["p", "q"]),
            "user_id": self.pick(["u", "v"]),
            "consumer_generation": self.often(now, None, 0, 7, "x"),
        }
        if minor >= 38:
            body["consumer_type"] = self.often("INSTANCE", "MIGRATION", "unknown", "x", "")
        if minor >= 34 and self.random.random() < 0.1:
            body["mappings"] = self.pick([{"": [self.providers[0]]}, {}, {"1": []}, {"1": ["x"]}])
        if self.random.random() < 0.03:
            body.pop(self.pick(list(body)))
        return body

    def _allocate(self) -> Ask:
        version, one = self.version(28), self.pick(self.consumers)
        return "PUT", f"/allocations/{one}", self._shares(one, int(version[2:])), version

    def _allocate_many(self) -> Ask:
        version = self.version(28)
        ids = self.random.sample(self.consumers, 2)
        return "POST", "/allocations", {i: self._shares(i, int(version[2:])) for i in ids}, version

    def _reshape(self) -> Ask:
        version = self.version(30)
        stocks = {one: self._stocks(one) for one in [self.provider()]}
        ids = self.random.sample(self.consumers, self.random.randint(0, 2))
        shares = {i: self._shares(i, int(version[2:])) for i in ids}
        return "POST", "/reshaper", {"inventories": stocks, "allocations": shares}, version
