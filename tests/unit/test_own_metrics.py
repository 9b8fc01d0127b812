"""Files with metrics of the user's own: what they mean, and what is wrong with them, by file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter import configfile
from exporter.cli import main
from exporter.collect.collector import configured as configured_collectors
from exporter.errors import ConfigurationError

GOOD = """\
collectors:
  orders:
    function: shop.order_metrics
    interval: 15s
    metrics:
      - {name: shop_orders_open, type: gauge, help: Orders., value: open_orders, labels: {region: region}}
      - {name: shop_orders_total, type: counter, help: Orders., value: all_orders}
"""


def configured(folder: Path, *texts: str) -> Path:
    """A configuration with such files."""
    for number, text in enumerate(texts):
        (folder / f"own{number}.yaml").write_text(text, encoding="utf-8")
    file = folder / "exporter.yaml"
    names = ", ".join(f"own{number}.yaml" for number in range(len(texts)))
    file.write_text(f"targets: [{{dsn: dbname=x}}]\nmetric_files: [{names}]\n", encoding="utf-8")
    return file


def refused(folder: Path, *texts: str) -> list[str]:
    """Complaints about such files, without the folder."""
    with pytest.raises(ConfigurationError) as caught:
        configfile.load(configured(folder, *texts))
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_a_file_gives_collectors_and_their_metrics(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    second = "collectors: {stock: {function: shop.stock, metrics: [{name: stock_info, type: info, help: Stock.}]}}\n"
    file = configured(tmp_path, GOOD, second)
    orders, stock = configfile.load(file).own_collectors
    assert (orders.name, orders.function, orders.interval, orders.timeout, orders.row_limit) == (
        "orders", "shop.order_metrics", 15.0, 5.0, 5000,
    )  # fmt: skip
    assert [metric.name for metric in orders.metrics] == ["shop_orders_open", "shop_orders_total"]
    assert orders.metrics[0].labels == {"region": "region"}
    assert stock.interval == 60.0
    assert main(["check-config", "--config", str(file)]) == 0
    assert "own collector orders: shop.order_metrics(), every 15 s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("was", "now", "complaint"),
    [
        ("shop.order_metrics", "order_metrics", "own0.yaml:3:15: collectors.orders.function: expected schema.function"),
        ("shop.order_metrics", "shop.f(1)", "own0.yaml:3:15: collectors.orders.function: expected schema.function"),
        ("shop.order_metrics", "pg_catalog.version", "expected a function in a schema of your own"),
        ("shop.order_metrics", "script_tracking.get_system_health", "expected a function in a schema of your own"),
        ("15s", "soon", "own0.yaml:4:15: collectors.orders.interval: expected a duration such as 500ms"),
        ("interval", "intervall", "own0.yaml:4:5: collectors.orders.intervall: unknown key; did you mean interval?"),
        ("shop_orders_open", "script_tracking_up", "own0.yaml:6:16: collectors.orders.metrics.0.name: expected a name"),
        ("shop_orders_open", "shop_orders_count", "without a reserved suffix"),
        ("shop_orders_open", "Orders", "expected a snake_case name"),
        ("gauge", "gouge", "orders.metrics.0.type: expected counter, gauge, histogram or info, found 'gouge'"),
        ("gauge", "counter", "shop_orders_open: counters, and nothing else, end in _total"),
        ("value: open_orders", "le: open_orders", "takes the columns"),
        ("{region:", "{target:", "own0.yaml:6:90: collectors.orders.metrics.0.labels: the label target is taken"),
        ("{region:", "{__name__:", "is no name of a label"),
        ("shop_orders_total", "shop_orders_open_total", "2:3: collectors.orders: there is a metric shop_orders_open"),
        ("orders:\n", "health:\n", "own0.yaml:2:3: collectors.health: there is a collector health already"),
        ("orders:\n", "Or ders:\n", "'Or ders' is no snake_case name"),
        ("collectors:", "colectors:", "own0.yaml:1:1: colectors: unknown key; did you mean collectors?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_file_line_and_key(tmp_path: Path, was: str, now: str, complaint: str) -> None:
    assert was in GOOD
    assert complaint in "\n".join(refused(tmp_path, GOOD.replace(was, now, 1)))


def test_the_configuration_says_how_often_and_whether_at_all_as_of_any_other_collector(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = configured(tmp_path, GOOD)
    text = file.read_text(encoding="utf-8")
    settings = "collectors: {orders: {interval: 5m, timeout: 2s, row_limit: 10}}\n"
    module = "probe: {modules: {a: {dsn: dbname=x, hosts: [db], collectors: [orders]}}}\n"
    file.write_text(f"{settings}{module}{text}", encoding="utf-8")
    config = configfile.load(file)
    (orders,) = configured_collectors(config.own_collectors, config.collectors)
    assert (orders.interval, orders.timeout, orders.row_limit) == (300.0, 2.0, 10)
    assert main(["check-config", "--config", str(file)]) == 0
    assert "own collector orders: shop.order_metrics(), every 300 s" in capsys.readouterr().out
    file.write_text(f"collectors: {{orders: {{enabled: false}}}}\n{text}", encoding="utf-8")
    assert main(["check-config", "--config", str(file)]) == 0
    told = capsys.readouterr().out
    assert "; off: orders\n" in told and "own collector orders" not in told


def test_names_of_collectors_that_are_none_are_told_whatever_else_is_wrong(tmp_path: Path) -> None:
    file = configured(tmp_path, GOOD.replace("gauge", "gouge"))
    text = file.read_text(encoding="utf-8")
    module = "probe: {modules: {a: {dsn: dbname=x, hosts: [db], collectors: [order]}}}\n"
    file.write_text(f"collectors: {{orders: {{}}, ordres: {{}}}}\n{module}{text}", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        configfile.load(file)
    unknown, asked, type_ = [problem.removeprefix(f"{tmp_path}/") for problem in caught.value.problems]
    assert unknown == "exporter.yaml:1:26: collectors.ordres: unknown collector; did you mean orders?"
    assert asked.startswith("exporter.yaml:2:") and asked.endswith("unknown collector; did you mean orders?")
    assert "own0.yaml:6:40: collectors.orders.metrics.0.type: expected counter, gauge, histogram or info" in type_
    file.write_text(text.replace("own0.yaml", "3"), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        configfile.load(file)
    assert [problem.removeprefix(f"{tmp_path}/") for problem in caught.value.problems] == [
        "exporter.yaml:2:16: metric_files.0: expected text, found 3"
    ]


def test_names_stand_once_in_all_files_and_a_missing_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(tmp_path, GOOD, GOOD) == [
        "own1.yaml:2:3: collectors.orders: there is a collector orders already",
        "own1.yaml:2:3: collectors.orders: there is a metric shop_orders_open already",
        "own1.yaml:2:3: collectors.orders: there is a metric shop_orders already",
    ]
    file = configured(tmp_path, GOOD)
    (tmp_path / "own0.yaml").unlink()
    assert main(["check-config", "--config", str(file)]) == 2
    assert "own0.yaml: No such file or directory" in capsys.readouterr().err
