-- State of the login wrappers, which a database has only where it opted in: what they call, the key of the e-mail's HMAC,
-- the attempts of the last while, and the users of the reference implementation. Here, where nobody but the owner reads,
-- and not in schema auth, which holds the two wrappers alone and may be somebody else's.

create table script_tracking_internal.login_function (
  script_type    text primary key check (script_type in ('LOGIN', 'REGISTRATION')),
  schema_name    name,
  function_name  name,
  argument_types text[],
  set_at         timestamptz not null default clock_timestamp(),
  set_by         name not null default session_user,
  check (num_nulls(schema_name, function_name, argument_types) in (0, 3))
);
comment on table script_tracking_internal.login_function is
  'What each login wrapper calls; without names it is the reference implementation, without a row nothing is configured';
comment on column script_tracking_internal.login_function.function_name is
  'By its name, which a dump restores; a column of type regprocedure would stop pg_upgrade';

create table script_tracking_internal.login_key (
  singleton boolean primary key default true check (singleton),
  inner_key bytea not null check (length(inner_key) = 64),
  outer_key bytea not null check (length(outer_key) = 64),
  made_at   timestamptz not null default clock_timestamp()
);
comment on table script_tracking_internal.login_key is
  'One row, made at opt-in: the key of the HMAC that stands for an e-mail in the record, as HMAC''s two padded keys';

create table script_tracking_internal.login_attempt (
  attempted_at timestamptz not null default clock_timestamp(),
  tenant_hk    bytea not null,
  script_type  varchar not null,
  outcome      text not null,
  email_hmac   bytea,
  address      inet
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
comment on table script_tracking_internal.login_attempt is
  'Attempts of the last while, for lock-out and for what tells guessing; the record itself is in the vault';
create index idx_login_attempt_account on script_tracking_internal.login_attempt (tenant_hk, email_hmac, attempted_at);
create index idx_login_attempt_time on script_tracking_internal.login_attempt (attempted_at);
-- without an identity its rows could not be deleted in a database that publishes all tables
alter table script_tracking_internal.login_attempt replica identity full;

create table script_tracking_internal.login_user_h (
  user_hk       bytea primary key,
  tenant_hk     bytea not null references script_tracking.tenant_h,
  email_hmac    bytea not null,
  load_date     timestamptz not null default clock_timestamp(),
  record_source varchar not null,
  unique (tenant_hk, email_hmac)
);
comment on table script_tracking_internal.login_user_h is 'Hub of the reference implementation''s users, each of one tenant';
comment on column script_tracking_internal.login_user_h.user_hk is
  'sha256 of the tenant''s key and the e-mail''s HMAC: what the wrappers answer, from which the HMAC cannot be had';

create table script_tracking_internal.login_user_s (
  user_hk       bytea not null references script_tracking_internal.login_user_h,
  load_date     timestamptz not null default clock_timestamp(),
  load_end_date timestamptz,
  hash_diff     bytea not null,
  password_hash text not null,
  record_source varchar not null,
  primary key (user_hk, load_date)
);
comment on table script_tracking_internal.login_user_s is
  'Satellite of the reference implementation''s users: the bcrypt hash of the password; the current one has no load_end_date';
create unique index idx_login_user_s_current on script_tracking_internal.login_user_s (user_hk) where load_end_date is null;

create sequence script_tracking_internal.login_call_seq;
comment on sequence script_tracking_internal.login_call_seq is
  'Calls of the login wrappers, those included whose record went with a transaction that was rolled back';

insert into script_tracking_internal.setting (name, value, description) values
  ('login.window_seconds', '900', 'Time within which failed logins count, for lock-out and for what tells guessing (60 to 86400)'),
  ('login.lockout_failures', '5',
   'Failed logins of one e-mail within the window after which the reference implementation refuses it; 0: never (0 to 1000)'),
  ('login.bcrypt_cost', '10', 'Cost of the reference implementation''s password hashes (4 to 15): one more doubles the time');

do $secure$
declare
  v_table text;
begin
  foreach v_table in array array['login_function', 'login_key', 'login_attempt', 'login_user_h', 'login_user_s'] loop
    execute format('alter table script_tracking_internal.%I enable row level security', v_table);
    execute format('alter table script_tracking_internal.%I force row level security', v_table);
    execute format('create policy owner_all on script_tracking_internal.%I to script_tracking_owner using (true) with check (true)',
      v_table);
  end loop;
end
$secure$;
