"""From any number to what is behind it: the links of panels and columns, and where they lead."""

from __future__ import annotations

import json
import re
from typing import Any

from grafana.links import TITLES
from grafana.variables import KEPT
from tests.grafana.faults import faults
from tests.grafana.models import MODELS, PANELS, place

Json = dict[str, Any]

UIDS = {model["uid"]: model for model in MODELS.values()}
DRAWN = [(name, panel) for name, panel in PANELS if panel["type"] not in ("text", "heatmap")]


def links(shown: Json) -> list[tuple[str, Json]]:
    """Each link with the column that it is on, or with none."""
    found = [("", link) for link in shown["fieldConfig"]["defaults"].get("links", [])]
    for override in shown["fieldConfig"]["overrides"]:
        for one in override["properties"]:
            if one["id"] == "links":
                found += [(override["matcher"]["options"], link) for link in one["value"]]
    return found


def headings(shown: Json) -> set[str]:
    """Columns of a table."""
    sql = "".join(target.get("rawSql", "") for target in shown["targets"])
    renamed = [
        v for change in shown.get("transformations", []) for v in change["options"].get("renameByName", {}).values()
    ]
    return {*renamed, *re.findall(r' as "([^"]+)"', sql)}


def leads_on(drawn: tuple[str, Json]) -> None:
    _, shown = drawn
    found = links(shown)
    key = [heading for heading in headings(shown) if heading == "Execution"]
    if any("rawSql" in target for target in shown["targets"]):
        assert not key or "Execution" in [on for on, _ in found]
    else:
        assert found


def test_from_every_number_a_link_leads_on() -> None:
    assert faults(leads_on, DRAWN, place) == {}


def keeps_time_and_variables(drawn: tuple[str, Json]) -> None:
    _, shown = drawn
    for on, link in links(shown):
        if link["url"].startswith("http://${__data.fields.Instance}"):
            continue  # the exporter's own page
        uid = re.match(r"/d/([\w-]+)\?\$\{__url_time_range\}&", link["url"])
        assert uid is not None, link["url"]
        target = UIDS[uid[1]]
        kept = re.findall(r"\$\{(\w+):queryparam\}", link["url"])
        narrowed = dict(re.findall(r"var-(\w+)=([^&]+)", link["url"]))
        assert {*kept, *narrowed} >= {*KEPT}
        assert not set(kept) & narrowed.keys()
        assert narrowed.keys() <= {variable["name"] for variable in target["templating"]["list"]}, link["url"]
        for value in narrowed.values():
            label = re.fullmatch(r"\$\{__field\.labels\.\w+:percentencode\}", value)
            cell = re.fullmatch(r"\$\{__data\.fields\.(\w+):percentencode\}", value)
            assert bool(label) == (shown["type"] != "table" and not value.isupper())
            assert cell is None or cell[1] in headings(shown)
        assert not on or on in headings(shown)


def test_a_link_keeps_time_and_variables_and_leads_to_what_is_there() -> None:
    assert faults(keeps_time_and_variables, DRAWN, place) == {}


def test_every_dashboard_is_reached_from_the_overview() -> None:
    reached, next_ones = set[str](), {"script-tracking-overview"}
    while next_ones:
        reached |= next_ones
        text = "".join(json.dumps(UIDS[uid]) for uid in next_ones)
        next_ones = set(re.findall(r"/d/([\w-]+)", text)) - reached
    assert reached == TITLES.keys()
