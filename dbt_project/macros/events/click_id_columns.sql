{#
    Columns click_id_type and click_id: the first click id in the query of the URLs, in their order.
    urls: SQL expressions of URLs or query strings. first_gclid: SQL of a gclid that the source gives apart from the URL.
#}
{% macro click_id_columns(urls, first_gclid=none) -%}
    {%- set names = "'[?&](?i:(" ~ click_id_types() | join('|') ~ "))=[^&#]+'" -%}
    {%- set values = "'[?&](?i:" ~ click_id_types() | join('|') ~ ")=([^&#]+)'" -%}
    {%- set found_types = [] -%}
    {%- set found_ids = [] -%}
    {%- if first_gclid -%}
        {%- do found_types.append("case when " ~ first_gclid ~ " is not null then 'gclid' end") -%}
        {%- do found_ids.append(first_gclid) -%}
    {%- endif -%}
    {%- for url in urls -%}
        {%- do found_types.append('lower(' ~ extract_pattern(url, names) ~ ')') -%}
        {%- do found_ids.append(decode_url_text(extract_pattern(url, values))) -%}
    {%- endfor -%}
    {%- set found = 'coalesce(' if found_types | length > 1 else '(' -%}
    {{ found }}{{ found_types | join(', ') }}) as click_id_type,
        {{ found }}{{ found_ids | join(', ') }}) as click_id
{%- endmacro %}
