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
    '|(?:api|app|access|private|secret|encryption|encrypt|signing|sign|master|shared|account|storage|ssh|deploy|webhook|session|service_role|tls|ssl|auth|hmac|symmetric|license|subscription|scram_client|scram_server)[_ -]?key'
    '|shared_?access_?signature|x-[a-z0-9-]*signature)s?'
    '(?:[_ -]?(?:hash|hashed|value|text|plain|plaintext|clear|cleartext|enc|encrypted|new|old|current|confirm|confirmation|key|b64|base64|pem|hex|raw|string|str|data|digest|salt|json|[0-9]+))*';
  -- quoted, with doubled quotes or backslashes; to the end where the quote is not closed
  c_single constant text := e'[a-zA-Z&]{0,2}\'(?:[^\'\\\\]|\\\\.|\'\')*(?:\'|\\\\?$)';
  c_double constant text := e'"(?:[^"\\\\]|\\\\.|"")*(?:"|\\\\?$)';
  c_is     constant text := '["'']?\u005d?[[:space:]]*(?:=>|:=|==?|:(?![:/]))[[:space:]]*';
  -- of which one stands in each name
  c_words  constant text[] := array['%pass%', '%pw%', '%secret%', '%token%', '%credential%', '%bearer%', '%auth%', '%jwt%', '%key%', '%signature%'];
  v_low    text := lower(p_text collate "C");
  v_text   text := p_text;
begin
  -- Few expressions for much: of a session's expressions PostgreSQL keeps 32 compiled, and to compile these takes longer than
  -- to search by them. And only those whose signs stand in the text.
  -- known shapes, wherever they stand
  v_text := regexp_replace(v_text,
    e'-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:(?!-----END)(?:.|\n))*(?:-----END [A-Z0-9 ]*-----)?'
    '|(?:\\mA[KS]IA[0-9A-Z]{12,}|\\mgh[pousr]_[0-9A-Za-z]{16,}|\\mgithub_pat_[0-9A-Za-z_]{16,}|\\mglpat-[0-9A-Za-z_-]{12,}'
    '|\\mxox[a-z]-[0-9A-Za-z-]{8,}|\\m[sr]k_(?:live|test)_[0-9A-Za-z]{8,}|\\mAIza[0-9A-Za-z_-]{30,}'
    '|\\meyJ[0-9A-Za-z_-]{8,}(?:[.][0-9A-Za-z_-]*)*|SCRAM-SHA-256[$][^[:space:]\'"]+|\\mmd5[0-9a-fA-F]{32}\\M'
    '|\\msk-[0-9A-Za-z_-]{20,}|\\mnpm_[0-9A-Za-z]{30,}|\\mhv[bs][.][0-9A-Za-z_-]{20,}|\\mSG[.][0-9A-Za-z_-]{16,}[.][0-9A-Za-z_-]*|\\mhf_[0-9A-Za-z]{16,}'
    '|\\mpypi-[0-9A-Za-z_-]{16,}|\\mAGE-SECRET-KEY-[0-9A-Z]{16,}|\\mya29[.][0-9A-Za-z_.-]{16,}|\\mdapi[0-9a-f]{32,}(?:-[0-9]+)?|[0-9]{6,}:AA[0-9A-Za-z_-]{30,}'
    '|[$]2[abxy]?[$][0-9]{2}[$][./0-9A-Za-z]{20,}|[$]argon2[a-z]*[$][^[:space:]\'"]+|[$][156y][$][./0-9A-Za-z]{1,32}[$][./0-9A-Za-z$]{8,})',
    '[redacted]', 'g');
  -- scheme://user:password@host, and whatever stands before @ where no user can be told apart; oracle:thin:user/password@host
  if v_text like '%@%' then
    v_text := regexp_replace(v_text, e'(://[^[:space:]\'"/:@]*:)[^[:space:]\'"]*@|((?:https?|ftp|git)://)[^[:space:]\'"/:@]+@'
      '|(oracle:[[:alpha:]]+:[^[:space:]\'"/@]*/)[^[:space:]\'"@]*@', e'\\1\\2\\3[redacted]@', 'gi');
  end if;
  -- a webhook's address is the right to send to it; the signature of an address that was handed out;
  -- Authorization: with whatever scheme, to the end of its line or string; Bearer ..., also without the name
  if v_low like any (array['%hook%', '%sig=%', '%authorization%', '%bearer%', '%basic%']) then
    v_text := regexp_replace(v_text, e'((?:hooks[.]slack[.]com/[[:alpha:]]+|discord(?:app)?[.]com/api/(?:v[0-9]+/)?webhooks'
      '|webhook[.]office[.]com/[[:alnum:]]+|outlook[.]office(?:365)?[.]com/webhook)/)[^[:space:]\'"]+'
      '|([?&;]sig=)[^[:space:]&\'"]+'
      '|(\\mauthorization["\']?[[:space:]]*(?::|=>?)[[:space:]]*[eE]?["\']?)[^[:space:]"\'][^"\'\r\n]*'
      '|(\\m(?:bearer|basic)[[:space:]]+)[0-9A-Za-z+/._~=-]{8,}', e'\\1\\2\\3\\4[redacted]', 'gi');
  end if;
  -- what the server quotes of rows, to the end: a value may hold anything
  if v_low like any (array['%)=(%', '%failing row%']) then
    v_text := regexp_replace(v_text, e'([(][^\r\n=]*' || c_name || e'[^\r\n=]*[)]=[(])(?:.|\n)*[)]|(failing row contains [(])(?:.|\n)*',
      e'\\1\\2[redacted])', 'gi');
  end if;
  -- commands: curl -u joe:..., sshpass -p ..., --token ...; <password>...</password>; parameters that the server quotes
  if v_low like any (array['%-u%', '%--%', '%sshpass%', '%<%>%', '%$% = ''%']) then
    v_text := regexp_replace(v_text,
      e'(\\s(?:-u|--(?:proxy-)?user)(?:=|[[:space:]]*)["\']?[^[:space:]"\':]+:)[^[:space:]"\']+'
      '|(\\msshpass[[:space:]]+-p[[:space:]]*)[^[:space:]]+'
      '|((?:^|[[:space:]])--[[:alnum:]_-]*' || c_name || e'[[:space:]]+)[^[:space:]]+'
      '|(<[^<>]*' || c_name || e'(?:["\'[:space:]][^<>]*)?>)[^<]+'
      '|([$][0-9]+ = )\'(?:[^\']|\'\')*(?:\'|$)', e'\\1\\2\\3\\4\\5[redacted]', 'gi');
  end if;
  if v_low like '%identified%' then
    v_text := regexp_replace(v_text, e'(\\midentified[[:space:]]+(?:with[[:space:]]+[[:alnum:]_]+[[:space:]]+)?by[[:space:]]+)(?:' || c_single || '|' || c_double || e'|[^[:space:]]+)',
      e'\\1[redacted]', 'gi');
  end if;
  if not v_low like any (c_words) then
    return v_text;
  end if;
  -- name="password" value="...", {"name": "password", "value": "..."}
  if v_low like '%value%' then
    v_text := regexp_replace(v_text, e'(\\m(?:key|name|option|setting)["\']?[[:space:]]*[=:][[:space:]]*["\'][^"\'<>]*' || c_name
      || e'["\'][[:space:],]*["\']?value["\']?[[:space:]]*[=:][[:space:]]*)(?:' || c_double || '|' || c_single || ')', e'\\1"[redacted]"', 'gi');
  end if;
  -- name=value, name: value, "name": "value", name => 'value', name 'value', also name=[value, ...]
  if v_low like any (array['%=%', '%:%']) then
    v_text := regexp_replace(v_text, '(' || c_name || c_is || ')' || c_double, e'\\1"[redacted]"', 'gi');
    v_text := regexp_replace(v_text, '(' || c_name || c_is || ')' || c_single, e'\\1''[redacted]''', 'gi');
    v_text := regexp_replace(v_text,
      '(' || c_name || c_is || e')(?!\\u005bredacted\\u005d)(?:[$](?:.|\n)*|[\\u005b\\u007b](?:.|\n)*|'
      || case when p_line then e'[^[:space:]\'"$\\u005b\\u007b][^\r\n]*'
         else e'(?:[^[:space:],;&\'"$\\u005b\\u007b\\\\]|\\\\.)(?:[^[:space:]&\'"\\\\]|\\\\.)*' end || ')',
      e'\\1[redacted]', 'gi');
  end if;
  if v_low like any (array['%''%', '%"%']) then
    v_text := regexp_replace(v_text,
      '(' || c_name || '["]?[[:space:]]+(?:(?:to|is|was|by|default)[[:space:]]+)?)(?:' || c_single || '|' || c_double || ')',
      e'\\1''[redacted]''', 'gi');
  end if;
  -- in words: 'the token is hunter2' but not 'the token is hashed', 'password hunter2' but not 'password varchar' or 'token int4'
  v_text := regexp_replace(v_text, '(' || c_name || e'[[:space:]]+(?:is|was)[[:space:]]+)'
    '(?!(?:[a-z]+ed|not|no|never|now|still|also|always|only|too|a|an|the|this|that|in|on|of|from|for|at|by|to|too|null|empty|valid|invalid|wrong|incorrect'
    '|missing|optional|mandatory|unique|unknown|safe|correct|weak|strong|short|long|set|sent|kept|gone|and|or|true|false|distinct|being|what|where|when|if|text|due)\\M|[\\u005b]redacted)'
    '[^[:space:]\'"]+'
    '|(' || c_name || e'[[:space:]]+)'
    '(?!(?:int[248]|float[48]|serial[248]|varchar2?|sha[0-9]+|md5|utf-?8|base64)\\M)(?=[^[:space:]]*[0-9])[^[:space:](),;\'"]{4,}',
    e'\\1\\2[redacted]', 'gi');
  return v_text;
end
$function$;
