-- Words of which one stands beside every secret that the record must not hold, as patterns for lower case. In functions that
-- are inlined, like announces_secret(), it becomes a constant.
create or replace function script_tracking_internal.secret_words()
returns text[]
language sql immutable parallel safe
as $function$
  select array[
    '%pass%', '%pw%', '%secret%', '%token%', '%key%', '%credential%', '%option%', '%conn%',
    '%dblink%', '%auth%', '%crypt%', '%hmac%', '%digest%', '%md5%', '%sha%', '%pgp%', '%identified%', '%program%',
    '%jwt%', '%sig%', '%verify%', '%-u%', '%hook%', '%sk-%', e'%npm\\_%', '%hv_.%',
    '%bearer%', '%basic %', '%a_ia%', e'%h_\\_%', '%glpat%', '%xox%', e'%k\\_live%', e'%k\\_test%', '%aiza%', '%sg.%', '%pypi-%', '%ya29.%', '%dapi%', '%:aa%',
    '%eyj%', '%$2%', '%$_$%', e'%github\\_pat%', '%$argon2%', '%@%', '%failing row%', '%$_ = %', '%u&%', e'%\\\\%']
$function$;
