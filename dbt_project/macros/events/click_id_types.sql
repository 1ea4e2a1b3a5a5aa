{# Click ids that ad platforms append to the URL of a landing page, in lower case. #}
{% macro click_id_types() %}
    {{ return([
        'gclid', 'gbraid', 'wbraid', 'dclid', 'msclkid', 'yclid', 'fbclid', 'ttclid', 'li_fat_id', 'twclid', 'epik',
        'sccid', 'rdt_cid', 'qclid', 'tblci', 'obclid', 'irclickid', 'awc', 'cjevent', 'ranmid',
    ]) }}
{% endmacro %}
