"""Which databases are watched, by what the configuration says of their names."""

from __future__ import annotations

import pytest

from exporter.discovery import wanted
from exporter.targetconfig import DiscoverConfig, TargetConfig


@pytest.mark.parametrize(
    ("include", "exclude", "names", "watched"),
    [
        (["*"], [], ["a", "postgres", "rdsadmin", "cloudsqladmin"], ["a", "postgres"]),
        (["rdsadmin", "a"], [], ["a", "b", "rdsadmin"], ["a", "rdsadmin"]),
        (["shop_*", "till"], ["*_test"], ["shop_1", "shop_test", "till", "tills", "Shop_1"], ["shop_1", "till"]),
        (["shop_?"], [], ["shop_1", "shop_10"], ["shop_1"]),
        (["[ab]*"], ["b*"], ["a1", "b1", "c1"], ["a1"]),
        (["*"], ["*"], ["a"], []),
    ],
)
def test_names_and_patterns(include: list[str], exclude: list[str], names: list[str], watched: list[str]) -> None:
    settings = DiscoverConfig.model_validate({"include": include, "exclude": exclude})
    assert [name for name in names if wanted(name, settings)] == watched


def test_a_discovered_database_is_the_entry_but_for_its_name_and_database() -> None:
    entry = TargetConfig.model_validate(
        {"dsn": "postgresql://me:x@db1:5433/postgres", "discover": {}, "auth": True, "capture": {"slot": "off"}}
    )
    target = entry.for_database("o'r \\ders")
    assert (entry.name, target.name, target.dsn.dbname) == ("db1:5433", "db1:5433/o'r \\ders", "o'r \\ders")
    assert (target.auth, target.capture, target.discover) == (True, entry.capture, None)
    assert target.current_dsn() == target.dsn
    assert target == entry.for_database("o'r \\ders")
    assert not target.leads_where(entry.for_database("b"))
    assert entry.for_database("a@b/c?d=e password=f:%20").dsn.dbname == "a@b/c?d=e password=f:%20"
    by_service = TargetConfig.model_validate({"dsn": "service=main", "discover": {}})
    assert by_service.for_database("x").name == "service=main/x"
