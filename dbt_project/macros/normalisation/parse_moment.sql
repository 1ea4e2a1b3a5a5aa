{#
    A moment that one loader writes as epoch seconds and another as ISO text, as a timestamp in UTC;
    null for anything else.
#}
{% macro parse_moment(expression) -%}
    case
        when {{ matches_pattern("trim(" ~ expression ~ ")", "'^[0-9]{1,11}$'") }}
            then {{ dbt.dateadd(
                "second", try_cast_to("trim(" ~ expression ~ ")", "bigint"), "cast('1970-01-01' as timestamp)"
            ) }}
        else {{ try_cast_to(expression, "timestamp") }}
    end
{%- endmacro %}
