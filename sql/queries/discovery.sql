-- What a server tells of its databases.

-- name: databases
-- That may be connected to by this role; a limit of -2 marks one whose removal was interrupted. Names are bytes that the
-- whole server shares, whatever the encoding of the database that is asked: a session without an encoding gets them raw.
select d.datname as name
from pg_database as d
where d.datallowconn and not d.datistemplate and d.datconnlimit <> -2
  and has_database_privilege(d.oid, 'connect')
order by d.datname
