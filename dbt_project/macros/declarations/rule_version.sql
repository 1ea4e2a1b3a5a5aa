{#
    Version of a segment's rule: an MD5 of its SQL, of the macros of the product and of the user that
    it reaches, and of the values of the vars that these name. Comments, white space, and macros that
    only translate between engines do not count, and neither does the moment of the build.
    Only while dbt runs: the nodes are not complete before.
#}
{% macro rule_version(model_name) %}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- set texts = [] -%}
    {%- set waiting = [] -%}
    {%- set reached = [] -%}
    {%- for node in ref.manifest.nodes.values() if node.name == model_name and node.resource_type == 'model' -%}
        {%- do texts.append(node.raw_code) -%}
        {%- do waiting.extend(node.depends_on.macros) -%}
    {%- endfor -%}
    {%- for _ in range(1000) if waiting -%}
        {%- set key = waiting.pop() -%}
        {%- set macro = ref.manifest.macros.get(key) -%}
        {%- if macro and key not in reached and macro.package_name == project_name -%}
            {%- do reached.append(key) -%}
            {%- do waiting.extend(macro.depends_on.macros) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for key in reached | sort if 'macros/platform/' not in ref.manifest.macros[key].original_file_path -%}
        {%- do texts.append(ref.manifest.macros[key].macro_sql) -%}
    {%- endfor -%}
    {%- set code = modules.re.sub('(?s)\\{#.*?#\\}|--[^\\n]*', '', texts | join('\n')) -%}
    {%- set values = {} -%}
    {%- for name in modules.re.findall('var\\(\\s*[\'"]([a-z0-9_]+)', code) -%}
        {%- do values.update({name: var(name, none)}) -%}
    {%- endfor -%}
    {{ return(local_md5(code.split() | join(' ') ~ tojson(values, sort_keys=true))) }}
{% endmacro %}
