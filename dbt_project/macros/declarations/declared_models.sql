{#
    The models whose YAML has config.meta.<kind> (segment, export), sorted by name: a list of
    {'name': ..., 'declared': <the mapping>}. The caller must select from a ref() to these names.

    dbt needs a model's parents while it parses, when `graph` is still empty. So this macro reads
    the YAML files from the manifest that `ref` resolves against: dbt loads all of them before it
    parses a model.
    A partial parse skips a model whose own file is unchanged and would miss a new declaration. So
    the macro marks the calling model like one whose environment variable has changed, and dbt
    parses it every time.
    tests/warehouse/test_declarations.py fails if an upgrade of dbt changes either behaviour.
#}
{% macro declared_models(kind, required=[]) %}
    {%- if not execute -%}
        {%- do require_custom_vars() -%}
        {%- set marker = 'MERGANSER_DECLARATIONS' -%}
        {%- do env_var(marker, '') -%}
        {%- do ref.manifest.env_vars.update({marker: 'parse this model each time'}) -%}
    {%- endif -%}
    {%- set found = {} -%}
    {%- for file in ref.manifest.files.values() -%}
        {%- for described in (file.dict_from_yaml or {}).get('models') or [] -%}
            {%- set config = described.get('config') or {} -%}
            {%- set meta = config.get('meta') or {} -%}
            {%- if kind in meta and config.get('enabled', true) is not false -%}
                {%- do found.update({described.name: meta[kind]}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set models = [] -%}
    {%- for name, declared in found | dictsort -%}
        {%- set place = name ~ ': config.meta.' ~ kind -%}
        {%- if not modules.re.fullmatch('[a-z][a-z0-9_]*', name) -%}
            {{ exceptions.raise_compiler_error(place ~ ' needs a model whose name is in snake_case') }}
        {%- elif declared is not mapping -%}
            {{ exceptions.raise_compiler_error(place ~ ' must be a mapping') }}
        {%- endif -%}
        {%- for key in required if not declared.get(key) -%}
            {{ exceptions.raise_compiler_error(place ~ '.' ~ key ~ ' is missing') }}
        {%- endfor -%}
        {%- do models.append({'name': name, 'declared': declared}) -%}
    {%- endfor -%}
    {{ return(models) }}
{% endmacro %}
