"""PromQL building blocks: selectors by the dashboard's variables, and replicas counted once."""

from typing import Final

PREFIX: Final = "script_tracking_"
RECORDED: Final = "script_tracking:"
FAILED: Final = 'status=~"FAILED|INTERRUPTED"'
_INSTANCE: Final = 'job=~"$job", instance=~"$instance"'


def select(metric: str, *matchers: str, tenant: bool = False) -> str:
    """Selector of one of our metrics, filtered by job, instance and target, and by tenant where it has one.

    `metric` is the name without its prefix; `matchers` are further label matchers.
    """
    labels = [_INSTANCE, 'target=~"$target"', *(['tenant=~"$tenant"'] if tenant else []), *matchers]
    return f"{PREFIX}{metric}{{{', '.join(labels)}}}"


def select_exporter(metric: str) -> str:
    """Selector of a metric of the exporter itself, which has no target."""
    return f"{PREFIX}{metric}{{{_INSTANCE}}}"


def recorded(name: str, *matchers: str, tenant: bool = False) -> str:
    """Selector of what a recording rule has made of all jobs and replicas: it has no labels to filter these by.

    `name` is the rule's without its prefix.
    """
    labels = ['target=~"$target"', *(['tenant=~"$tenant"'] if tenant else []), *matchers]
    return f"{RECORDED}{name}{{{', '.join(labels)}}}"


def once(expression: str, *labels: str) -> str:
    """`expression` with its replicas folded into one series for each combination of `labels`."""
    return f"max by ({', '.join(labels)}) ({expression})"


def rate(selector: str) -> str:
    """Change per second of a counter over the panel's rate interval."""
    return f"rate({selector}[$__rate_interval])"


def increase(selector: str, window: str) -> str:
    """Growth of a counter within `window`, a duration or a variable such as $__range."""
    return f"increase({selector}[{window}])"


def counted(expression: str) -> str:
    """Whole numbers of what increase() has extrapolated."""
    return f"round({expression})"


def total(expression: str, *labels: str) -> str:
    """Sum of `expression`, by `labels` if there are any."""
    return f"sum by ({', '.join(labels)}) ({expression})" if labels else f"sum({expression})"


def ratio(part: str, whole: str) -> str:
    """`part` of `whole`, 0 to 1; 0 where the whole is 0, absent where the whole is absent.

    A part without any series counts as 0. Both must have the same labels.
    """
    return f"({part}) / (({whole}) > 0) or ({whole}) * 0"


def quantile(share: float, buckets: str) -> str:
    """Quantile of a histogram's rates; absent, rather than NaN, while nothing was observed."""
    return f"histogram_quantile({share}, {buckets}) >= 0"


def zero_if(expression: str, collector: str, label: str) -> str:
    """`expression`, or a 0 that is labelled `none` where it has no series although its collector succeeds."""
    succeeded = once(select("collector_success", f'collector="{collector}"'), "target")
    return f'{expression} or on () label_replace(sum({succeeded} == 1) * 0, "{label}", "none", "", "")'


def by_type(selector: str, *more: str) -> str:
    """Rate of a counter of executions, one series for each target, tenant, type and `more`."""
    return once(rate(selector), "target", "tenant", "script_type", *more)
