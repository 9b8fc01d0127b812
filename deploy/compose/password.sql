-- Sets the password of the role :role to what its secret file holds.
\set file /run/secrets/ :role _password
\set password `cat :'file'`
-- what holds a password is not for the server's log
set log_statement = 'none';
set log_min_error_statement = 'panic';
alter role :"role" password :'password';
