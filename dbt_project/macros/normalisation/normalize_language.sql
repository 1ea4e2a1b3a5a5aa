{#
    A language as its ISO 639-1 code, from a locale (de, de-DE, de_DE.UTF-8, zh-Hant); null for what is
    none. Three codes that ISO withdrew have their successors.
#}
{% macro normalize_language(expression) -%}
    {%- set locale = "lower(trim(" ~ expression ~ "))" -%}
    {%- set language = "substring(" ~ locale ~ ", 1, 2)" -%}
    case
        when not ({{ matches_pattern(locale, "'^[a-z]{2}($|[-_.])'") }}) then null
        when {{ language }} = 'iw' then 'he'
        when {{ language }} = 'in' then 'id'
        when {{ language }} = 'ji' then 'yi'
        when position(concat(' ', {{ language }}, ' ') in ' {{ _language_codes() }} ') > 0 then {{ language }}
    end
{%- endmacro %}

{% macro _language_codes() -%}
aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
{%- endmacro %}
