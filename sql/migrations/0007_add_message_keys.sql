-- The key of message_mac(), as HMAC uses it: 244 random bits, filled up to 64 bytes and combined with the two pads.
-- Kept combined, because to do that for each message would cost more than the hash.

alter table script_tracking_internal.installation
  add column message_inner_key bytea,
  add column message_outer_key bytea;
comment on column script_tracking_internal.installation.message_inner_key is
  'Authenticates what the event triggers emit into the write-ahead log, where anybody can emit: HMAC''s inner padded key';
comment on column script_tracking_internal.installation.message_outer_key is 'HMAC''s outer padded key';

with key as materialized (
  select uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) as secret
), padded as (
  select string_agg(set_byte('\x00', 0, b.value # 54), '' order by b.position) as inner_key,
         string_agg(set_byte('\x00', 0, b.value # 92), '' order by b.position) as outer_key
  from (
    select p.position, case when p.position < length(k.secret) then get_byte(k.secret, p.position) else 0 end as value
    from key as k cross join generate_series(0, 63) as p (position)
  ) as b
)
update script_tracking_internal.installation
set message_inner_key = p.inner_key, message_outer_key = p.outer_key
from padded as p;

alter table script_tracking_internal.installation
  alter column message_inner_key set not null,
  alter column message_outer_key set not null,
  add check (length(message_inner_key) = 64 and length(message_outer_key) = 64);
