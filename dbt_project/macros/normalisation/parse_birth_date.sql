{#
    A birth date that people typed, or that a CRM stores as epoch milliseconds (HubSpot's date
    properties: midnight UTC). Null where the day is uncertain: 03/04/1980 can be the third of April
    or the fourth of March, 1900-01-01 is a form's default, and 1970-01-01 is a program's zero. Nobody
    is born after the record's arrival, or was more than 120 years old then.
#}
{% macro parse_birth_date(expression, loaded_at) -%}
    {%- set text = "trim(" ~ expression ~ ")" -%}
    {%- set parsed -%}
        case
            when {{ matches_pattern(text, "'^[0-9]{4}-[0-9]{2}-[0-9]{2}($|[T ])'") }}
                then {{ try_cast_to("substr(" ~ text ~ ", 1, 10)", "date") }}
            when {{ matches_pattern(text, "'^(19|20)[0-9]{6}$'") }}
                then {{ try_cast_to(
                    "substr(" ~ text ~ ", 1, 4) || '-' || substr(" ~ text ~ ", 5, 2) || '-' || substr(" ~ text ~ ", 7, 2)",
                    "date"
                ) }}
            when {{ matches_pattern(text, "'^[0-9]{2}[.][0-9]{2}[.][0-9]{4}$'") }}
                then {{ try_cast_to(
                    "substr(" ~ text ~ ", 7, 4) || '-' || substr(" ~ text ~ ", 4, 2) || '-' || substr(" ~ text ~ ", 1, 2)",
                    "date"
                ) }}
            when {{ matches_pattern(text, "'^-?[0-9]{9,13}$'") }}
                then cast('1970-01-01' as date)
                    + cast(floor({{ try_cast_to(text, "bigint") }} / 86400000.0) as integer)
        end
    {%- endset -%}
    case
        when
            {{ parsed }} between
                cast({{ dbt.dateadd('year', -120, loaded_at) }} as date) and cast({{ loaded_at }} as date)
            and {{ parsed }} not in (cast('1900-01-01' as date), cast('1970-01-01' as date))
            then {{ parsed }}
    end
{%- endmacro %}
