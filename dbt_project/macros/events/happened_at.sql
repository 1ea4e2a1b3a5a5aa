{#
    When an event happened: the sender's time, or the time of receipt where there is none. Never
    later than the receipt, because device clocks run ahead.
#}
{% macro happened_at(told, received, loaded='source._loaded_at') -%}
    least(coalesce({{ told }}, {{ received }}, {{ loaded }}), coalesce({{ received }}, {{ told }}, {{ loaded }}))
{%- endmacro %}
