"""Metrics of the user's own, over functions of theirs: told like any other; their faults cost them alone."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import yaml
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.fix_exporter import Exporter, StartExporter, becomes, eventually
from tests.fix_sessions import MakeRole, Session

UP = "script_tracking_up"
SUCCESS = "script_tracking_collector_success"
ORDERS = {"name": "shop_orders_open", "type": "gauge", "help": "Orders.", "value": "n", "labels": {"region": "region"}}


def collector(function: str, *metrics: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {"function": function, "interval": "1s", "metrics": [*metrics] or [ORDERS], **settings}


def write(file: Path, **collectors: Any) -> None:
    file.write_text(yaml.safe_dump({"collectors": collectors}), encoding="utf-8")


def function(admin: Session, name: str, body: str) -> None:
    """One with a column for a region and one for a number."""
    head = f"create or replace function shop.{name}() returns table (region text, n bigint) language plpgsql"
    admin.execute(f"{head} as $f$ begin {body}; end $f$".encode())


def failed(running: Exporter, collector: str) -> str:
    """Why a collector failed, by its only line of the log."""
    lines = eventually(
        lambda: [line for line in running.events("collector_failed") if line["collector"] == collector], 40
    )
    return str(lines[0]["reason"])


def test_they_are_told_read_only_and_bounded_and_their_faults_are_theirs(
    admin: Session, installed_database: str, make_role: MakeRole, exporter: StartExporter, tmp_path: Path
) -> None:
    role = make_role("script_tracking_daemon")
    admin.execute("create schema shop")
    admin.execute("create table shop.note (line text)")
    admin.execute(f"grant usage on schema shop to {role}; grant all on shop.note to {role}".encode())
    function(admin, "orders", "return query values ('eu', 3::bigint), ('us', 4), ('us', 5), (null, 6), ('x', null)")
    function(admin, "writes", "insert into shop.note values ('x'); return query select 'x', 1::bigint")
    function(admin, "unlocks", "set transaction read write; return query select 'x', 1::bigint")
    function(admin, "hangs", "perform pg_catalog.pg_sleep(600)")
    function(admin, "floods", "return query select k::text, k from pg_catalog.generate_series(1::bigint, 11) as g (k)")
    function(admin, "raises", "raise exception 'no'")
    file = tmp_path / "own.yaml"
    faults = {
        "writes": "read-only transaction",
        "unlocks": "transaction read-write mode must be set before any query",
        "hangs": "statement timeout",
        "floods": "returns more than 10 rows (row_limit)",
        "raises": "query: no",
        "absent": "does not exist",
    }
    broken = {
        name: collector(
            f"shop.{name}",
            {**ORDERS, "name": f"shop_{name}"},
            timeout="1s" if name == "hangs" else "30s",  # whose fault is another one is to have the time for it
            row_limit=10 if name == "floods" else 99,
        )
        for name in faults
    }
    write(file, orders=collector("shop.orders"), **broken)
    targets = [{"name": "shop", "dsn": make_conninfo(installed_database, user=role)}]
    running = exporter("", targets=targets, metric_files=[str(file)])
    running.wait_for_value(3, "shop_orders_open", target="shop", region="eu")
    assert running.value("shop_orders_open", region="us") == 4, "the second of the two is a duplicate"
    assert running.value("script_tracking_dropped_series_total", collector="orders") is not None
    text = running.get("/metrics").body.decode()
    assert "# HELP shop_orders_open Orders. From shop.orders(), cached, refreshed every 1 s." in text
    assert 'region="x"' not in text
    for name, reason in faults.items():
        assert reason in failed(running, name)
        assert running.value(SUCCESS, target="shop", collector=name) == 0
        assert f"\nshop_{name}{{" not in text
    assert running.value(UP, target="shop") == 1
    for name in ("health", "operations"):
        running.wait_for_value(1, SUCCESS, target="shop", collector=name)
    assert admin.execute("select count(*) as n from shop.note").fetchone() == {"n": 0}
    assert len(running.events("collector_failed")) == len(faults), "once each"


def test_a_reload_takes_a_changed_file_and_refuses_a_broken_one(
    admin: Session, installed_database: str, exporter: StartExporter, tmp_path: Path
) -> None:
    admin.execute("create schema shop")
    function(admin, "orders", "return query values ('eu', 3::bigint)")
    file = tmp_path / "own.yaml"
    write(file, orders=collector("shop.orders"))
    running = exporter(installed_database, metric_files=[str(file)])
    running.wait_for_value(3, "shop_orders_open", region="eu")
    write(file, orders=collector("shop.orders", {**ORDERS, "type": "gouge"}))
    running.process.send_signal(signal.SIGHUP)
    told = running.wait_for_event("configuration_refused")
    assert "own.yaml:" in str(told["problems"]) and "metrics.0.type: expected counter, gauge" in str(told["problems"])
    running.wait_for_value(3, "shop_orders_open", region="eu")
    ended = {"name": "shop_end_seconds", "type": "gauge", "help": "Orders.", "value": "n"}
    write(file, orders=collector("shop.orders", ORDERS, ended))
    running.process.send_signal(signal.SIGHUP)
    running.wait_for_value(3, "shop_end_seconds")
    info = {"name": "shop_orders_open", "type": "histogram", "help": "Orders.", "le": "n", "bucket": "n", "sum": "n"}
    write(file, orders=collector("shop.orders", info))  # of the same rows
    running.process.send_signal(signal.SIGHUP)
    running.wait_for_value(3, "shop_orders_open_sum", target="shop")
    text = running.get("/metrics").body.decode()
    assert "# TYPE shop_orders_open histogram\n" in text and "shop_end_seconds" not in text
    assert "shop_orders_open{" not in text
    write(file, sales=collector("shop.orders", {**ORDERS, "name": "shop_sales"}))
    running.process.send_signal(signal.SIGHUP)
    running.wait_for_value(3, "shop_sales", region="eu")
    running.wait_for_value(None, "shop_orders_open_sum")
    assert running.value(SUCCESS, collector="orders") is None


def test_the_configuration_bounds_them_and_a_probe_tells_them_too(
    admin: Session, installed_database: str, exporter: StartExporter, tmp_path: Path
) -> None:
    admin.execute("create schema shop")
    function(admin, "orders", "return query values ('eu', 3::bigint)")
    function(admin, "hangs", "perform pg_catalog.pg_sleep(600)")
    file = tmp_path / "own.yaml"
    write(
        file,
        orders=collector("shop.orders"),
        hangs=collector("shop.hangs", {**ORDERS, "name": "shop_hangs"}, timeout="10m"),
    )
    where = conninfo_to_dict(installed_database)
    module = {"dsn": installed_database, "hosts": [f"{where['host']}:{where['port']}"], "collectors": ["orders"]}
    config = {
        "targets": [{"name": "shop", "dsn": installed_database}],
        "metric_files": [str(file)],
        "collectors": {"orders": {"interval": "2s"}, "hangs": {"timeout": "1s"}},
        "probe": {"modules": {"all": module}},
    }
    running = exporter("", **config)
    running.wait_for_value(3, "shop_orders_open", target="shop", region="eu")
    assert "shop.orders(), cached, refreshed every 2 s." in running.get("/metrics").body.decode()
    assert "statement timeout" in failed(running, "hangs"), "by the configuration's timeout, not by the file's"
    asked = f"{where['host']}:{where['port']}/{where['dbname']}"
    answer = running.get(f"/probe?module=all&target={asked}")
    told = answer.body.decode()
    assert answer.status == 200 and f'shop_orders_open{{region="eu",target="{asked}"}} 3.0\n' in told
    assert "# HELP shop_orders_open Orders. From shop.orders(), asked by this probe.\n" in told
    config["collectors"] = {"orders": {"enabled": False}, "hangs": {"enabled": False}}
    running.config.write_text(
        yaml.safe_dump({"listen": "127.0.0.1:0", "log": {"format": "json"}} | config), encoding="utf-8"
    )
    running.process.send_signal(signal.SIGHUP)
    running.wait_for_value(None, "shop_orders_open")
    assert running.value(SUCCESS, target="shop", collector="orders") is None
    assert "shop_orders_open" not in running.get(f"/probe?module=all&target={asked}").body.decode()


def test_it_is_ready_also_where_a_collector_is_always_due(
    admin: Session, installed_database: str, exporter: StartExporter, tmp_path: Path
) -> None:
    """Its function takes longer than its interval."""
    admin.execute("create schema shop")
    function(admin, "orders", "perform pg_catalog.pg_sleep(0.5); return query values ('eu', 3::bigint)")
    file = tmp_path / "own.yaml"
    write(file, orders=collector("shop.orders") | {"interval": "100ms"})
    running = exporter(installed_database, metric_files=[str(file)])
    running.wait_for_value(3, "shop_orders_open", region="eu")
    becomes(200, lambda: running.get("/-/ready").status)


def test_a_superuser_calls_no_function_of_somebody_else(
    admin: Session, installed_database: str, make_role: MakeRole, exporter: StartExporter, tmp_path: Path
) -> None:
    owner = make_role()
    admin.execute("create schema shop")
    function(admin, "orders", "return query values ('eu', 3::bigint)")
    file = tmp_path / "own.yaml"
    write(file, orders=collector("shop.orders"))
    running = exporter(installed_database, metric_files=[str(file)])
    running.wait_for_value(3, "shop_orders_open", region="eu")
    admin.execute(f"alter function shop.orders() owner to {owner}".encode())
    running.wait_for_value(0, SUCCESS, collector="orders")
    assert "shop.orders() is not called as a superuser" in failed(running, "orders")
    assert running.value(UP) == 1
