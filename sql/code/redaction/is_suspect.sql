-- May a secret stand in a text? One pass over it; what has no secret by this is left as it is.
create or replace function script_tracking_internal.is_suspect(p_text text)
returns boolean
language sql immutable parallel safe
as $function$
  select pg_catalog.lower(p_text collate "C") operator(pg_catalog.~) (
    e'(pass_?w|passphrase|passcode|pass["\']?[ \t]*[=:]|(?:_|\\m)(?:pass|pw|jwt)\\M|sshpass|pwd|secret|token|credential|bearer|authorization'
    '|(?:api|app|access|private|secret|encryption|encrypt|signing|sign|master|shared|account|storage|ssh|deploy|webhook|session|service_role|tls|ssl|auth|hmac|symmetric|license|subscription|scram_client|scram_server)[_ -]?key'
    '|(?:login|register)_user|authenticate|sign_?(?:in|up)|access_?signature|x-[a-z0-9-]*signature|[?&;]sig=|(?:_|\\m)(?:sign|verify)[[:space:]]*[(]|[[:space:]]-(?:u|-user|-proxy-user)\\M|oracle:|hooks[.]slack[.]com|webhooks?[./]|[0-9]{6}:aa[0-9a-z_-]{30}'
    '|options[[:space:]]*[(]|connection|conninfo|dblink|crypt|hmac|digest|\\mmd5|\\msha[0-9]+[[:space:]]*[(]|pgp_|identified|program'
    '|\\ma[ks]ia[0-9a-z]{12}|\\mgh[pousr]_|github_pat_|glpat-|xox[a-z]-|[sr]k_(?:live|test)_|aiza|\\meyj|scram-sha-256[$]'
    '|[$]2[abxy]?[$]|[$]argon2|[$][156y][$]|://[^[:space:]/]*@|://[^[:space:]\'"]*:[^[:space:]\'"]*@|://[^[:space:]\'"/]*:\'[[:space:]]*[|]|basic[[:space:]]|\\msk-[0-9a-z_-]{16}|\\mnpm_|\\msg[.][0-9a-z_-]{16}|\\mhf_[0-9a-z]{16}|\\mpypi-[0-9a-z_-]{16}|\\mya29[.]|\\mdapi[0-9a-f]{32}|\\mhv[bs][.]'
    '|(?:create|alter)(?:[[:space:]]|/[*](?:[^*]|[*]+[^*/])*[*]+/|--[^\n]*\n)+(?:role|user|group|server|subscription)'
    '|failing row contains|[$][0-9]+ = \'|u&[\'"]|\\\\)')
$function$;
