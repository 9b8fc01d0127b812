-- What may be shown of a text that is no SQL: a comment, a message, a connection string, a URL, JSON. Its secrets are
-- known by what stands before them, or by their own shape. p_line: an unquoted value reaches to the end of its line.
create or replace function script_tracking_internal.redact_prose(p_text text, p_line boolean)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  c_name   constant text :=
    e'(?:pass_?w(?:or)?[dt]|passwd|passphrase|passcode|pwd|secret|token|credential|bearer|authorization|(?:\\m|_)(?:pass|pw|jwt)'
    '|(?:api|app|access|private|secret|encryption|encrypt|signing|sign|master|shared|account|storage|auth|hmac|symmetric|license|subscription|scram_client|scram_server)[_ -]?key'
    '|shared_?access_?signature|x-[a-z0-9-]*signature)s?'
    '(?:[_ -]?(?:hash|hashed|value|text|plain|plaintext|clear|cleartext|enc|encrypted|new|old|current|confirm|confirmation|key|b64|base64|hex|raw|string|str|data|digest|salt|json|[0-9]+))*';
  -- quoted, with doubled quotes or backslashes; to the end where the quote is not closed
  c_single constant text := e'[a-zA-Z&]{0,2}\'(?:[^\'\\\\]|\\\\.|\'\')*(?:\'|\\\\?$)';
  c_double constant text := e'"(?:[^"\\\\]|\\\\.|"")*(?:"|\\\\?$)';
  c_is     constant text := '["'']?[[:space:]]*(?:=>|:=|==?|:(?![:/]))[[:space:]]*';
  v_text   text := p_text;
begin
  -- known shapes, wherever they stand
  v_text := regexp_replace(v_text,
    e'-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:(?!-----END)(?:.|\n))*(?:-----END [A-Z0-9 ]*-----)?', '[redacted]', 'g');
  v_text := regexp_replace(v_text,
    e'(?:\\mA[KS]IA[0-9A-Z]{12,}|\\mgh[pousr]_[0-9A-Za-z]{16,}|\\mgithub_pat_[0-9A-Za-z_]{16,}|\\mglpat-[0-9A-Za-z_-]{12,}'
    '|\\mxox[a-z]-[0-9A-Za-z-]{8,}|\\m[sr]k_(?:live|test)_[0-9A-Za-z]{8,}|\\mAIza[0-9A-Za-z_-]{30,}'
    '|\\meyJ[0-9A-Za-z_-]{8,}(?:[.][0-9A-Za-z_-]*)*|SCRAM-SHA-256[$][^[:space:]\'"]+|\\mmd5[0-9a-fA-F]{32}\\M'
    '|\\msk-[0-9A-Za-z_-]{20,}|\\mnpm_[0-9A-Za-z]{30,}|\\mhv[bs][.][0-9A-Za-z_-]{20,}|\\mSG[.][0-9A-Za-z_-]{16,}[.][0-9A-Za-z_-]*|\\mhf_[0-9A-Za-z]{16,}'
    '|\\mpypi-[0-9A-Za-z_-]{16,}|\\mAGE-SECRET-KEY-[0-9A-Z]{16,}|\\mya29[.][0-9A-Za-z_.-]{16,}|\\mdapi[0-9a-f]{32,}(?:-[0-9]+)?|[0-9]{6,}:AA[0-9A-Za-z_-]{30,}'
    '|[$]2[abxy]?[$][0-9]{2}[$][./0-9A-Za-z]{20,}|[$]argon2[a-z]*[$][^[:space:]\'"]+|[$][156y][$][./0-9A-Za-z]{1,32}[$][./0-9A-Za-z$]{8,})',
    '[redacted]', 'g');
  -- scheme://user:password@host, and whatever stands before @ where no user can be told apart
  v_text := regexp_replace(v_text, e'(://[^[:space:]\'"/:@]*:)[^[:space:]\'"]*@', e'\\1[redacted]@', 'g');
  v_text := regexp_replace(v_text, e'((?:https?|ftp|git)://)[^[:space:]\'"/:@]+@', e'\\1[redacted]@', 'gi');
  -- a webhook's address is the right to send to it; the signature of an address that was handed out
  v_text := regexp_replace(v_text, e'((?:hooks[.]slack[.]com/[[:alpha:]]+|discord(?:app)?[.]com/api/(?:v[0-9]+/)?webhooks'
    '|webhook[.]office[.]com/[[:alnum:]]+|outlook[.]office(?:365)?[.]com/webhook)/)[^[:space:]\'"]+', e'\\1[redacted]', 'gi');
  v_text := regexp_replace(v_text, e'([?&;]sig=)[^[:space:]&\'"]+', e'\\1[redacted]', 'gi');
  v_text := regexp_replace(v_text, e'(oracle:[[:alpha:]]+:[^[:space:]\'"/@]*/)[^[:space:]\'"@]*@', e'\\1[redacted]@', 'gi');
  -- commands: curl -u joe:..., sshpass -p ..., --token ...
  v_text := regexp_replace(v_text,
    e'(\\s(?:-u|--(?:proxy-)?user)(?:=|[[:space:]]*)["\']?[^[:space:]"\':]+:)[^[:space:]"\']+', e'\\1[redacted]', 'g');
  v_text := regexp_replace(v_text, e'(\\msshpass[[:space:]]+-p[[:space:]]*)[^[:space:]]+', e'\\1[redacted]', 'g');
  v_text := regexp_replace(v_text, '((?:^|[[:space:]])--[[:alnum:]_-]*' || c_name || e'[[:space:]]+)[^[:space:]]+', e'\\1[redacted]', 'gi');
  -- <password>...</password>, name="password" value="...", {"name": "password", "value": "..."}
  v_text := regexp_replace(v_text, e'(<[[:alnum:]_:.-]*' || c_name || e'(?:[[:space:]][^<>]*)?>)[^<]+', e'\\1[redacted]', 'gi');
  v_text := regexp_replace(v_text, e'(\\m(?:key|name|option|setting)["\']?[[:space:]]*[=:][[:space:]]*["\'][^"\'<>]*' || c_name
    || e'["\'][[:space:],]*["\']?value["\']?[[:space:]]*[=:][[:space:]]*)(?:' || c_double || '|' || c_single || ')', e'\\1"[redacted]"', 'gi');
  -- Authorization: with whatever scheme, to the end of its line or string; Bearer ..., also without the name
  v_text := regexp_replace(v_text, e'(\\mauthorization["'']?[[:space:]]*(?::|=>?)[[:space:]]*[eE]?["'']?)[^[:space:]"''][^"''\r\n]*', e'\\1[redacted]', 'gi');
  v_text := regexp_replace(v_text, e'(\\m(?:bearer|basic)[[:space:]]+)[0-9A-Za-z+/._~=-]{8,}', e'\\1[redacted]', 'gi');
  -- name=value, name: value, "name": "value", name => 'value', name 'value', also name=[value, ...]
  v_text := regexp_replace(v_text, '(' || c_name || c_is || ')' || c_double, e'\\1"[redacted]"', 'gi');
  v_text := regexp_replace(v_text, '(' || c_name || c_is || ')' || c_single, e'\\1''[redacted]''', 'gi');
  v_text := regexp_replace(v_text,
    '(' || c_name || c_is || e')(?!\\u005bredacted\\u005d)(?:[$](?:.|\n)*|[\\u005b\\u007b](?:.|\n)*|'
    || case when p_line then e'[^[:space:]\'"$\\u005b\\u007b][^\r\n]*'
       else e'(?:[^[:space:],;&\'"$\\u005b\\u007b\\\\]|\\\\.)(?:[^[:space:]&\'"\\\\]|\\\\.)*' end || ')',
    e'\\1[redacted]', 'gi');
  v_text := regexp_replace(v_text,
    '(' || c_name || '["]?[[:space:]]+(?:(?:to|is|was|by|default)[[:space:]]+)?)(?:' || c_single || '|' || c_double || ')',
    e'\\1''[redacted]''', 'gi');
  -- in words: 'the token is hunter2' but not 'the token is hashed', 'password hunter2' but not 'password varchar' or 'token int4'
  v_text := regexp_replace(v_text, '(' || c_name || e'[[:space:]]+(?:is|was)[[:space:]]+)'
    '(?!(?:[a-z]+ed|not|no|never|now|still|also|always|only|too|a|an|the|this|that|in|on|of|from|for|at|by|to|too|null|empty|valid|invalid|wrong|incorrect'
    '|missing|optional|mandatory|unique|unknown|safe|correct|weak|strong|short|long|set|sent|kept|gone|and|or|true|false|distinct|being|what|where|when|if|text|due)\\M|[\\u005b]redacted)'
    '[^[:space:]\'"]+', e'\\1[redacted]', 'gi');
  v_text := regexp_replace(v_text, '(' || c_name || e'[[:space:]]+)'
    '(?!(?:int[248]|float[48]|serial[248]|varchar2?|sha[0-9]+|md5|utf-?8|base64)\\M)(?=[^[:space:]]*[0-9])[^[:space:](),;\'"]{4,}', e'\\1[redacted]', 'gi');
  v_text := regexp_replace(v_text, e'(\\midentified[[:space:]]+(?:with[[:space:]]+[[:alnum:]_]+[[:space:]]+)?by[[:space:]]+)(?:' || c_single || '|' || c_double || e'|[^[:space:]]+)',
    e'\\1[redacted]', 'gi');
  -- what the server quotes of rows and parameters
  v_text := regexp_replace(v_text, e'([(][^\r\n=]*' || c_name || e'[^\r\n=]*[)]=[(])[^\r\n]*[)]', e'\\1[redacted])', 'gi');
  v_text := regexp_replace(v_text, e'(failing row contains [(])[^\r\n]*', e'\\1[redacted])', 'gi');
  v_text := regexp_replace(v_text, e'([$][0-9]+ = )\'(?:[^\']|\'\')*(?:\'|$)', e'\\1[redacted]', 'g');
  return v_text;
end
$function$;
