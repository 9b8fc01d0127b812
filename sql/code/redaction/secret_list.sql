-- Words of which one stands beside every secret that the record must not hold, as patterns for lower case, with bars between them.
create or replace function script_tracking_internal.secret_list()
returns text
language sql immutable parallel safe
as $function$
  select e'%pass%|%pw%|%secret%|%token%|%key%|%credential%|%option%|%conn%|'
    '%dblink%|%auth%|%crypt%|%hmac%|%digest%|%md5%|%sha%|%pgp%|%identified%|%program%|'
    '%jwt%|%sig%|%verify%|%-u%|%hook%|%sk-%|%npm\\_%|%hv_.%|'
    '%bearer%|%basic %|%a_ia%|%h_\\_%|%glpat%|%xox%|%k\\_live%|%k\\_test%|%aiza%|%sg.%|%pypi-%|%ya29.%|%dapi%|%:aa%|'
    '%eyj%|%$2%|%$_$%|%github\\_pat%|%$argon2%|%@%|%failing row%|%$_ = %|%u&%|%\\\\%'
$function$;
