-- When an exporter looked last at the file of an archive whose partition still stands, and found it as it was written.

create table script_tracking_internal.archive_look (
  archive_id bigint primary key,
  looked_at  timestamptz not null
);
comment on table script_tracking_internal.archive_look is
  'Archives whose files were looked at before their partitions go: number in partition_archive, and when last';

alter table script_tracking_internal.archive_look enable row level security;
alter table script_tracking_internal.archive_look force row level security;
create policy owner_all on script_tracking_internal.archive_look to script_tracking_owner using (true) with check (true);
