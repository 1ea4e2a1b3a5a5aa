{#
    Plain dbt in the repository reads the models in custom/, but not its vars.yml, and nothing from
    an additions folder elsewhere. A build of half the additions would record that customers left
    their segments. So it stops; `merganser build` writes a project that contains all of them
    (runtime/project.py).
#}
{% macro require_custom_vars() %}
    {%- set parts = [] -%}
    {%- for file in ref.manifest.files.values() if file.path.searched_path.startswith('custom/') -%}
        {%- do parts.append(file.path.relative_path) -%}
    {%- endfor -%}
    {%- if (parts or env_var('MERGANSER_CUSTOM', '')) and not var('custom_folder', none) -%}
        {{ exceptions.raise_compiler_error(
            'There are additions (custom/ or MERGANSER_CUSTOM), and this project has not read their vars.yml. Run '
            ~ '`merganser build`, or dbt with --project-dir <home>/dbt/project, which `merganser build` writes.'
        ) }}
    {%- endif -%}
{% endmacro %}
