"""What is told at most: tenants and types beyond the first are `other`, and what is too much is dropped and counted."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.collect import render
from exporter.collect.caps import PORTION, Kept, Shown, cut
from exporter.collect.families import Family, from_rows
from exporter.metricmap import CollectorSpec, MetricSpec, load

SPECS = {spec.name: spec for spec in load()}
LIMITS = {"tenant": 2, "script_type": 100}


def _shown(*tenants: str) -> Shown:
    rows = [{"label": "tenant", "value": tenant} for tenant in tenants]
    return Shown.of(LIMITS, [*rows, {"label": "script_type", "value": "DDL"}])


def _operations(**tenants: int) -> list[dict[str, object]]:
    return [
        {"tenant": tenant, "script_type": "DDL", "status": "FAILED", "operations_total": count}
        for tenant, count in tenants.items()
    ]


def _values(family: Family) -> dict[str, float]:
    return {dict(labels)["tenant"]: value for labels, value in family.values.items()}


def test_tenants_beyond_the_limit_are_other_and_the_sum_stays() -> None:
    rows = _operations(system=1, acme=2, umbrella=3, wayne=4)
    ((family,), dropped) = from_rows(SPECS["operations"], "shop", rows, _shown("system", "acme"))
    assert _values(family) == {"system": 1, "acme": 2, "other": 7}
    assert dropped == 0


def test_with_room_left_everybody_is_told_by_name_a_newcomer_too() -> None:
    rows = _operations(system=1, acme=2)
    ((family,), _) = from_rows(SPECS["operations"], "shop", rows, _shown("system"))
    assert _values(family) == {"system": 1, "acme": 2}
    assert _shown("system").has_news(SPECS["operations"], rows)
    assert not _shown("system", "acme").has_news(SPECS["operations"], [*rows, *_operations(umbrella=1)])


def test_duplicates_among_the_others_are_dropped_and_a_tenant_called_other_is_one_of_them() -> None:
    rows = [*_operations(umbrella=3, other=4), *_operations(umbrella=3)]
    ((family,), dropped) = from_rows(SPECS["operations"], "shop", rows, _shown("system", "acme"))
    assert (_values(family), dropped) == ({"other": 7}, 1)


def test_histograms_are_added_up_bucket_by_bucket() -> None:
    rows = [
        {"tenant": tenant, "script_type": "DDL", "le": le, "operations_bucket": count, "duration_seconds_sum": total}
        for tenant, total, buckets in (
            ("umbrella", 2.5, {0.1: 1, float("inf"): 4}),
            ("wayne", 0.5, {0.1: 2, float("inf"): 2}),
        )
        for le, count in buckets.items()
    ]
    ((family,), dropped) = from_rows(SPECS["operation_durations"], "shop", rows, _shown("system", "acme"))
    (labels,) = family.buckets
    assert dict(labels)["tenant"] == "other"
    assert sorted(family.buckets[labels]) == [(0.1, 3.0), (float("inf"), 6.0)]
    assert (family.sums[labels], dropped) == (3.0, 0)


def test_gauges_are_combined_as_they_can_be_or_dropped() -> None:
    rows = [
        {"tenant": tenant, "script_type": "DDL", "running": running, "oldest_start_timestamp_seconds": oldest}
        for tenant, running, oldest in (("umbrella", 1, 30.0), ("wayne", 2, 10.0), ("stark", 0, None))
    ]
    ((running, oldest), dropped) = from_rows(SPECS["running"], "shop", rows, _shown("system", "acme"))
    assert (_values(running), _values(oldest), dropped) == ({"other": 3}, {"other": 10}, 0)
    spec = CollectorSpec(
        name="ratios",
        function="a.b",
        interval=1,
        timeout=1,
        minimum_version=1,
        metrics=(
            MetricSpec(name="script_tracking_x_ratio", type="gauge", help="x.", value="x", labels={"tenant": "tenant"}),
        ),
    )
    ((ratio,), dropped) = from_rows(spec, "shop", [{"tenant": "wayne", "x": 0.5}], _shown("system", "acme"))
    assert (ratio.values, dropped) == ({}, 1)


@settings(deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 50)), max_size=8),
    st.permutations("abcdefgh"),
)
def test_no_counter_ever_falls_whoever_grows_and_whoever_comes(steps: list[dict[str, int]], came: list[str]) -> None:
    """Tenants come in one order and grow as they like; each series that is told only grows, and so does the sum."""
    totals: dict[str, int] = {}
    registered: list[str] = []
    shown = Shown.of(LIMITS, [])
    before: dict[str, float] = {}
    for step in steps:
        registered += [tenant for tenant in came if tenant in step and tenant not in registered]
        for tenant, more in step.items():
            totals[tenant] = totals.get(tenant, 0) + more
        rows = _operations(**totals)
        if shown.has_news(SPECS["operations"], rows):
            shown = Shown.of(LIMITS, [{"label": "tenant", "value": tenant} for tenant in registered[:2]])
        ((family,), _) = from_rows(SPECS["operations"], "shop", rows, shown)
        told = _values(family)
        assert sum(told.values()) == sum(totals.values())
        assert all(told[tenant] >= value for tenant, value in before.items())
        before = told


async def test_what_is_too_much_goes_and_what_was_told_stays() -> None:
    spec = SPECS["operations"].metrics[0]
    kept: Kept = set()

    async def told(*names: str) -> set[str]:
        family = Family(spec, {(("tenant", name),): 1.0 for name in names})
        gone.append(await cut([family], 2, kept))
        return set(_values(family))

    gone: list[int] = []
    assert await told("b", "c") == {"b", "c"}
    assert await told("b", "c", "d") == {"b", "c"}
    assert await told("a", "b", "c", "d") == {"b", "c"}, "the first in order, but for those that stood"
    assert await told("a", "c", "d") == {"a", "c"}
    assert gone == [0, 1, 2, 1]


async def test_of_thousands_histograms_among_them_those_stay_that_come_first_and_fit() -> None:
    counter, histogram = SPECS["operations"].metrics[0], SPECS["operation_durations"].metrics[0]
    tenants = [(("tenant", f"t{number:05}"),) for number in range(3000)]

    def made() -> list[Family]:
        bounds = [(0.1, 1.0), (float("inf"), 2.0)]
        return [
            Family(counter, dict.fromkeys(reversed(tenants), 1.0)),
            Family(histogram, buckets={each: bounds for each in tenants}, sums=dict.fromkeys(tenants, 0.5)),
        ]

    kept: Kept = set()
    families = made()
    # of each tenant five samples, and of the last the counter and three left over that no histogram fits in
    assert await cut(families, 5 * 1000 + 4, kept) == 5 * 3000 - (5 * 1000 + 4)
    assert list(families[0].values) == tenants[:1004]
    assert list(families[1].buckets) == list(families[1].sums) == tenants[:1000]
    assert sum(family.size for family in families) == 5 * 1000 + 4
    again = made()
    kept.discard((counter.name, tenants[0]))
    assert await cut(again, 5 * 1000 + 3, kept) == 5 * 3000 - (5 * 1000 + 3)
    assert set(again[0].values) == set(tenants[1:1004]), "who was told before goes first"


@pytest.mark.parametrize("kind", ["operations", "operation_durations"])
async def test_a_large_family_is_rendered_in_turns_and_is_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = SPECS[kind].metrics[0]
    family = Family(spec)
    for number in range(1000):
        labels = (("target", "shop"), ("tenant", f"t{number}"))
        if spec.type == "histogram":
            family.buckets[labels] = [(0.1, 1.0), (float("inf"), 2.0)]
            family.sums[labels] = 0.5
        else:
            family.values[labels] = float(number)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    texts = await render.samples_in_turns(family)
    counting.cancel()
    assert texts == render.samples(family)
    assert texts.openmetrics is texts.text
    assert turns >= family.size / PORTION - 1
