"""DATABASE_URL=postgresql://... python invoices.py: a job whose steps are recorded, even what is rolled back.

The tests run it against a real server, once with success and once with a failure. Needs script-tracking-exporter and
psycopg 3. The role needs script_tracking_app, and a membership where there is more than the tenant `system`.
"""

import asyncio
import os

import psycopg

from exporter.client import Tracker

tracker = Tracker()  # DATABASE_URL; a connection of its own, opened when the first operation begins


@tracker.operation("load-customers", "LOAD")
async def load(region: str) -> None:
    """Each call is an operation, a child of the one around it."""
    await asyncio.sleep(0.01)
    if not region:
        raise ValueError("no region")


def main() -> None:
    with tracker.operation("invoices", "BATCH", metadata={"run": "nightly"}) as operation:

        async def regions() -> None:
            await asyncio.gather(*(load(region) for region in ("north", "south")))

        asyncio.run(regions())
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:  # rolls back where the block fails
            connection.execute("create table if not exists paid (customer integer primary key)")
            done = connection.execute("insert into paid select generate_series(1, 3)")
            operation.affected_rows = done.rowcount


if __name__ == "__main__":
    main()
    tracker.close()  # delivers what waits; the end of the program would do so as well
