select 1 as id, 'north' as region
