{# Fails on rows that have expired at as_of(): expired rows must be in no table above staging. #}
{% test is_live(model, column_name) %}
    {{ config(meta={'clock': [{'column': column_name}]}) }}
    select {{ column_name }}
    from {{ model }}
    where {{ column_name }} is null or {{ column_name }} <= {{ as_of() }}
{% endtest %}
