{# When an event happened: as its sender tells, else when it was received; never after that, for clocks of devices run ahead. #}
{% macro happened_at(told, received, loaded='source._loaded_at') -%}
    least(coalesce({{ told }}, {{ received }}, {{ loaded }}), coalesce({{ received }}, {{ told }}, {{ loaded }}))
{%- endmacro %}
