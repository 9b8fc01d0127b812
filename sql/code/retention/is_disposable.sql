-- Whether what lies before a time may go for good once retention and holds have passed. There is no archive yet: the
-- setting retention.disposable stands for it. What has been archived is to be asked for here.
create or replace function script_tracking_internal.is_disposable(p_until timestamptz)
returns boolean
language sql stable
as $function$
  select s.value = 'all' and p_until is not null
  from script_tracking_internal.setting as s where s.name = 'retention.disposable'
$function$;
