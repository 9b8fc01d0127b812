"""Takes the tracker out of a database; the record stays unless it is asked for too."""

from __future__ import annotations

from exporter.database import Connection, failures_named
from exporter.schema.installer import managed_admin, run
from exporter.schema.plan import read_ledger


async def uninstall(connection: Connection, *, with_records: bool = False) -> bool:
    """Drops event triggers and functions, and with `with_records` the record and, where no other database of the
    cluster uses them, the roles. False where nothing was installed. A later install finds the kept record again.

    Raises MissingPrivilege, QueryFailed.
    """
    if (await read_ledger(connection)).version == 0:
        return False
    async with failures_named("uninstalling the schema"):
        await managed_admin(connection)
        async with connection.transaction():
            await run(connection, "lock")
            await run(connection, "announce")
            await run(connection, "drop_event_triggers")
            if with_records:
                await run(connection, "drop_everything")
                await run(connection, "drop_roles")
            else:
                await run(connection, "drop_functions")
                await run(connection, "forget_code")
    return True
