-- Tells kinds of messages apart: 16 hexadecimal digits of the sha256 of the message without what differs from case to
-- case: quoted names and values, UUIDs, hexadecimal and other numbers.
create or replace function script_tracking_internal.error_fingerprint(p_message text)
returns text
language sql immutable parallel safe
as $function$
  select pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.regexp_replace(
    pg_catalog.left(coalesce(p_message, ''), 2000),
    -- an apostrophe within a word quotes nothing
    '"[^"]*"|\u00ab[^\u00bb]*\u00bb|\u201e[^\u201c\u201d]*[\u201c\u201d]|\u201c[^\u201d]*\u201d|(?<!\w)''[^'']*''|\m[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\M|\m0[xX][0-9a-fA-F]+\M|\m[0-9a-fA-F]*[0-9][0-9a-fA-F]*\M|[0-9]+',
    '?', 'g'), 'UTF8')), 'hex'), 16)
$function$;
