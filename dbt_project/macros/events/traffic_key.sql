{#
    What the channel of a session depends on, as one text.
    relation: the relation with the columns of int_events__sessions, where columns need its name.
#}
{% macro traffic_key(relation=none) -%}
    {%- set of = relation ~ '.' if relation else '' -%}
    {{ of }}traffic_source || '|' || {{ of }}traffic_medium
    || '|' || lower(coalesce({{ of }}utm_campaign, '')) || '|' || coalesce({{ of }}click_id_type, '')
{%- endmacro %}
