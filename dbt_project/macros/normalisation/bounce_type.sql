{#
    hard (the address does not exist, or refuses for good) or soft (full, busy, for now); null where
    nothing says which. The sending tool's word decides, else the status code in the server's
    answer, by RFC 3463: 5 is final, but 5.2.2 is a full mailbox.
#}
{% macro bounce_type(word, reason) -%}
    {%- set said = 'lower(' ~ word ~ ')' -%}
    case
        when {{ matches_pattern(said, "'hard|permanent|invalid'") }} then 'hard'
        when {{ matches_pattern(said, "'soft|transient|temporary'") }} then 'soft'
        when {{ matches_pattern(reason, "'(^|[^0-9.])5[.]2[.]2([^0-9]|$)'") }} then 'soft'
        when {{ matches_pattern(reason, "'(^|[^0-9.])5([.][0-9]|[0-9][0-9]([^0-9.]|$))'") }} then 'hard'
        when {{ matches_pattern(reason, "'(^|[^0-9.])4([.][0-9]|[0-9][0-9]([^0-9.]|$))'") }} then 'soft'
    end
{%- endmacro %}
