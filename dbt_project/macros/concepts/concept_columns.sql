{# The columns of each concept, in order, with their types: what every cnf_<source>__<concept> offers. #}
{% macro concept_columns(concept) %}
    {%- set text = dbt.type_string() -%}
    {%- set whole_number = dbt.type_bigint() -%}
    {%- set moment = dbt.type_timestamp() -%}
    {%- set concepts = {
        'consents': {
            'decision_key': text,
            'entity': text,
            'record_key': text,
            'quarantine_id': text,
            'word_field': text,
            'identifier_type': text,
            'identifier_value': text,
            'decision_word': text,
            'purpose_word': text,
            'channel_word': text,
            'is_exact': 'boolean',
            'is_parsed': 'boolean',
            'decided_at': moment,
            'arrived_at': moment,
        },
        'identifiers': {
            'record_type': text,
            'record_id': text,
            'own_type': text,
            'own_value': text,
            'identifier_type': text,
            'identifier_value': text,
            'times_seen': whole_number,
            'is_living': 'boolean',
            'first_loaded_at': moment,
            'last_loaded_at': moment,
            'first_seen_at': moment,
            'last_seen_at': moment,
        },
    } -%}
    {%- if concept not in concepts -%}
        {{ exceptions.raise_compiler_error(
            concept ~ ' is not a concept; use one of ' ~ concepts.keys() | join(', ')
        ) }}
    {%- endif -%}
    {{ return(concepts[concept]) }}
{% endmacro %}
