{#
    A Salesforce id in its 18-character form, which can be compared without regard to case; null
    where nothing remains. Reports and old exports have 15 characters, in which case matters. Each
    group of five adds one character: a number of five bits (the first is the lowest, set by a
    capital), written as A to Z and 0 to 5.
#}
{% macro normalize_salesforce_id(expression) -%}
    {%- set text = clean_text(expression) -%}
    case
        when length({{ text }}) = 15
            then
                {{ text }}
                {%- for block in range(3) %}
                || substring(
                    'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345',
                    1
                    {%- for bit in range(5) %}
                    {%- set character = "substring(" ~ text ~ ", " ~ (block * 5 + bit + 1) ~ ", 1)" %}
                    + case when {{ character }} <> lower({{ character }}) then {{ 2 ** bit }} else 0 end
                    {%- endfor %},
                    1
                )
                {%- endfor %}
        else {{ text }}
    end
{%- endmacro %}
