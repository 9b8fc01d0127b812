"""Links that narrow the overview to what a row of a table names, with the time range and the variables kept."""

from typing import Final

UID: Final = "script-tracking-overview"  # deploy/prometheus/rules links to it
_NARROW: Final = (
    f"/d/{UID}?${{__url_time_range}}&${{datasource:queryparam}}&${{job:queryparam}}&${{instance:queryparam}}"
    "&var-target=${__data.fields.Target:percentencode}"
)
TO_TENANT: Final = ("This tenant", f"{_NARROW}&var-tenant=${{__data.fields.Tenant:percentencode}}")
TO_TARGET: Final = ("This target", f"{_NARROW}&${{tenant:queryparam}}")
