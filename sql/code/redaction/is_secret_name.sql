-- Does a name say that what is assigned to it is a secret? It does by its end: password, api_key, users.token_hash, but
-- not token_id, password_encryption or primary_key.
create or replace function script_tracking_internal.is_secret_name(p_name text)
returns boolean
language sql immutable parallel safe
as $function$
  select pg_catalog.lower(p_name collate "C") operator(pg_catalog.~)
      ('(pass_?w(or)?[dt]|passwd|passphrase|passcode|pwd|secret|token|credential|bearer|authorization|passphrase_command|(^|[_.-])(pass|pw|jwt)'
      '|(api|app|access|private|secret|encryption|encrypt|signing|sign|master|shared|account|storage|ssh|deploy|webhook|session|service_role|tls|ssl|auth|hmac|symmetric|license|subscription|scram_client|scram_server)[_ -]?key'
      '|shared_?access_?signature|x-[a-z0-9-]*signature)s?'
      '([_ -]?(hash|hashed|value|text|plain|plaintext|clear|cleartext|enc|encrypted|new|old|current|confirm|confirmation|key|b64|base64|pem|hex|raw|string|str|data|digest|salt|json|[0-9]+))*$')
    and pg_catalog.lower(p_name collate "C") operator(pg_catalog.!~)
      '(^|[_.])(max|min|num|n|total|prompt|completion|input|output|count|next|session)_?tokens$'
$function$;
