-- Claims of a foreign tenant and forged messages that were refused, since the installation and since the last acknowledgement.
create or replace function script_tracking_internal.refusals(
  out claims bigint, out new_claims bigint, out messages bigint, out new_messages bigint)
language sql stable
as $function$
  select q.claims, greatest(q.claims - coalesce(a.refused_claims_through, 0), 0),
    q.messages, greatest(q.messages - coalesce(a.refused_messages_through, 0), 0)
  from (select case when c.is_called then c.last_value else 0 end as claims,
          case when m.is_called then m.last_value else 0 end as messages
        from script_tracking_internal.refused_claim_seq as c cross join script_tracking_internal.refused_message_seq as m) as q
  left join (select l.refused_claims_through, l.refused_messages_through
    from script_tracking_internal.loss_acknowledgement as l order by l.acknowledgement_id desc limit 1) as a on true
$function$;
