-- May a secret stand in a text? Plain searches for words, as most texts hold none of them: what passes is looked at closer.
-- Small, one expression, and not strict: so it is inlined where it is called, and costs little to set up there.
create or replace function script_tracking_internal.announces_secret(p_text text)
returns boolean
language sql immutable parallel safe
as $function$
  -- most keys are none
  select pg_catalog.replace(pg_catalog.replace(pg_catalog.lower(p_text collate "C"), 'primary key', ''), 'foreign key', '') operator(pg_catalog.~~) any (array[
    '%pass%', '%pw%', '%secret%', '%token%', '%key%', '%credential%', '%option%', '%conn%',
    '%dblink%', '%auth%', '%crypt%', '%hmac%', '%digest%', '%md5%', '%sha%', '%pgp%', '%identified%', '%program%',
    '%jwt%', '%sign%', '%verify%', '%-u%', '%slack%', '%sk-%', e'%npm\\_%', '%hv_.%',
    '%bearer%', '%basic %', '%a_ia%', e'%gh_\\_%', '%glpat%', '%xox%', e'%k\\_live%', e'%k\\_test%', '%aiza%',
    '%eyj%', '%$2%', '%$_$%', e'%github\\_pat%', '%$argon2%', '%@%', '%failing row%', '%$_ = %', '%u&%', e'%\\\\%'])
$function$;
