{#
    The version of each normaliser whose result leaves the warehouse or is matched, as a dictionary.
    A rule that changes any result raises its version, so that what it affects can be sent again; a
    test compares the results with those of the recorded version.
#}
{% macro normaliser_versions() -%}
    {{ return({'email': 1, 'phone': 2, 'name': 1, 'meta': 2, 'google': 1}) }}
{%- endmacro %}
