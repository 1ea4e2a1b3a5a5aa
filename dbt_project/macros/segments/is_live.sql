{# Fails on rows whose time is over at as_of(): what has expired may stand in no table above staging. #}
{% test is_live(model, column_name) %}
    select {{ column_name }}
    from {{ model }}
    where {{ column_name }} is null or {{ column_name }} <= {{ as_of() }}
{% endtest %}
