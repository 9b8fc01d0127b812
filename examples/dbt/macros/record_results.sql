{#- One statement for the whole run. The times are those of the machine that runs dbt: keep its clock synchronised. -#}
{% macro record_results(results) %}
  {%- if execute -%}
    {%- set begun, ended = [], [] -%}
    {%- for result in results if result.timing | length > 0 -%}
      {%- set started_at = result.timing[0].started_at.isoformat() ~ 'Z' -%}
      {%- do begun.append({
        'script_name': result.node.unique_id, 'script_type': 'DBT', 'started_at': started_at,
        'id': local_md5(invocation_id ~ result.node.unique_id),
        'metadata': {'invocation_id': invocation_id, 'status': result.status | string}}) -%}
      {%- set succeeded = result.status | string in ('success', 'pass', 'warn') -%}
      {%- set rows = (result.adapter_response or {}).get('rows_affected') | int(-1) -%}
      {%- do ended.append({
        'success': succeeded, 'ended_at': result.timing[-1].completed_at.isoformat() ~ 'Z',
        'error_message': none if succeeded else result.message,
        'affected_rows': rows if rows >= 0 else none}) -%}
    {%- endfor -%}
    select script_tracking.complete_operations((
      select coalesce(jsonb_agg(e.item || jsonb_build_object('execution_hk', b.key)), '[]')
      from unnest(script_tracking.track_operations('{{ tojson(begun) | replace("'", "''") }}')) with ordinality as b (key, place)
      join jsonb_array_elements('{{ tojson(ended) | replace("'", "''") }}') with ordinality as e (item, place) using (place)))
  {%- endif -%}
{% endmacro %}
