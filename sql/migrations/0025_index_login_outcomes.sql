-- By which a login finds the last failures and the last success of its e-mail, and reads nothing else. By the index before it read all
-- attempts within the window: while an e-mail is locked, each adds one.
create index idx_login_attempt_outcome
  on script_tracking_internal.login_attempt (tenant_hk, email_hmac, script_type, outcome, attempted_at);
drop index script_tracking_internal.idx_login_attempt_account;
