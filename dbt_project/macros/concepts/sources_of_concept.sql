{% macro sources_of_concept(concept) %}
    {%- set sources = [] -%}
    {%- for list in [var('concept_sources'), var('custom_concept_sources', {})] -%}
        {%- for source, concepts in (list or {}).items() if concept in concepts and source not in sources -%}
            {%- do sources.append(source) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(sources | sort) }}
{% endmacro %}
