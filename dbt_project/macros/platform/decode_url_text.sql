{#
    Percent-encoded text as it was typed; a plus becomes a blank. Escapes of UTF-8 are decoded,
    broken ones are left as they are.
#}
{% macro decode_url_text(expression) -%}
    {{ return(adapter.dispatch('decode_url_text', 'merganser')(expression)) }}
{%- endmacro %}

{% macro default__decode_url_text(expression) -%}
    url_decode(replace({{ expression }}, '+', ' '))
{%- endmacro %}

{% macro spark__decode_url_text(expression) -%}
    coalesce(try_url_decode({{ expression }}), {{ expression }})
{%- endmacro %}
