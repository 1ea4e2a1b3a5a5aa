{#
    The site of a host: its registrable domain (shop.example for www.shop.example; a.co.uk for
    b.a.co.uk). An address in numbers is its own site. The suffixes below stand for the public suffix
    list: country suffixes of two labels, and hosts that give each customer a subdomain.
#}
{% macro url_site(host) -%}
    {%- set second_level = '(?:co|com|net|org|gov|edu|ac|or|ne|go|gob|nom|in|id|asn)[.][a-z]{2}' -%}
    {%- set hosted = (
        '(?:github|gitlab|blogspot|wordpress|wixsite|webflow|netlify|vercel|herokuapp'
        ~ '|azurewebsites|cloudfront|amazonaws|firebaseapp|web|pages|business|godaddysites|squarespace|bigcartel'
        ~ '|jimdosite|tumblr|weebly|shopware|myspreadshop|storenvy)[.](?:com|io|app|dev|net|site|store)'
    ) -%}
    coalesce(
        {{ extract_pattern(host, "'^([0-9.]+|[^.]+)$'") }},
        {{ extract_pattern(host, "'([^.]+[.](?:" ~ second_level ~ "|" ~ hosted ~ "))$'") }},
        {{ extract_pattern(host, "'([^.]+[.][^.]+)$'") }}
    )
{%- endmacro %}
