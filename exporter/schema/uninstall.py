"""Takes the tracker out of a database; the record stays unless it is asked for too."""

from __future__ import annotations

from exporter.database import Connection, failures_named
from exporter.errors import SchemaError
from exporter.schema.installer import begin, check_privileges, run
from exporter.schema.plan import read_ledger


async def uninstall(connection: Connection, *, with_records: bool = False) -> bool:
    """Drops event triggers, functions and the slot, and with `with_records` the record and, where no other database of
    the cluster uses them, the roles. False where nothing was installed. A later install finds the kept record again.

    Raises ForeignSchema, MissingPrivilege, QueryFailed, SchemaError where it would take what somebody else built.
    """
    ledger = await read_ledger(connection)
    if ledger.version == 0 or (ledger.is_record_only and not with_records):
        return False
    async with failures_named("uninstalling the schema"):
        await check_privileges(connection, "uninstall")
        async with connection.transaction():
            await begin(connection)
            (built,) = await run(connection, "built_on_it", {"with_records": with_records}, module="uninstall")
            if built["names"]:
                raise SchemaError(f"uninstalling would drop what is not the tracker's: {built['names']}; drop it first")
            await run(connection, "join_owner")
            await run(connection, "drop_event_triggers", module="uninstall")
            await run(connection, "drop_publication", module="uninstall")
            await run(connection, "drop_auth", module="uninstall")
            if with_records:
                await run(connection, "drop_everything", module="uninstall")
                await run(connection, "leave_owner")
                await run(connection, "drop_roles", module="uninstall")
            else:
                await run(connection, "drop_functions", module="uninstall")
                await run(connection, "forget_code", module="uninstall")
                await run(connection, "leave_owner")
        await run(connection, "drop_slot", module="uninstall")
    return True
