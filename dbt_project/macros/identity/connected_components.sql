{#
    A model's SQL selects pairs of identifiers. The table that is built holds their connected
    components, exact to the fixpoint, cut where a limit requires it.
    The SQL: identifier_no_a < identifier_no_b (one row per pair), is_joining, is_excluded (a person
    keeps the two apart), tier, times_seen, source_count, last_seen_at, cause_rank, revision_no.
    Tier 0 joins regardless of limits.
    config.nodes: name of a model with identifier_no, identifier_type, max_per_customer,
    has_customer, cause_rank, revision_no.
    config.identifiers: name of a model with identifier_no, identifier_type, identifier_value, which
    break ties.
    config.size_cap: the most identifiers of a customer; a merge that would exceed it is held for
    review. None: no cap.
    (Names, because a Relation in config() breaks the manifest.)
    The table: identifier_no, component_no (smallest number of the raw component), customer_no
    (smallest of the customer), cause_rank of its last change, and the revisions of nodes and pairs
    that it was built from.
    Rows of nodes and pairs are never deleted: a removed one has has_customer or is_joining false
    and a new revision_no. A run over an existing table reads the rows with a greater revision than
    the table knows, re-opens the raw components that they touch, and replaces the rows that change.
    The result equals that of a run from nothing.
    Nothing depends on the order of rows or on how identifiers are numbered: ranks come from
    evidence, and the identifiers' text breaks ties.
#}
{% materialization connected_components, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set nodes = ref(config.require('nodes')) -%}
    {%- set identifiers = ref(config.require('identifiers')) -%}
    {%- set pairs = '(\n' ~ sql ~ '\n)' -%}
    {%- set existing_relation = load_cached_relation(this) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {# Where an engine has no transactions, a crashed run may have left its scratch tables. #}
    {%- do adapter.drop_schema(scratch_relation('any').without_identifier()) -%}
    {%- do adapter.create_schema(scratch_relation('any').without_identifier()) -%}

    {%- set latest = latest_revisions(nodes, pairs) -%}
    {%- set known = known_revisions(existing_relation, latest) -%}
    {%- if known -%}
        {%- set members = create_scratch('members', select_touched_members(target_relation, nodes, pairs, known)) -%}
        {%- set touched = create_scratch('touched_edges', select_touched_edges(members, pairs, known)) -%}
        {%- set edges = 'select a, b from ' ~ touched -%}
    {%- else -%}
        {%- set edges = 'select identifier_no_a as a, identifier_no_b as b from ' ~ pairs ~ ' as pairs where is_joining' -%}
    {%- endif -%}
    {%- if contraction_form(edges) == 'arrays' -%}
        {%- set roots = scratch_relation('roots') -%}
        {%- call statement('contraction', language='python') -%}
            {{ contract_in_arrays(edges, roots) }}
        {%- endcall -%}
    {%- else -%}
        {%- set roots = contract_in_sql(create_scratch('edges', edges), 'raw') -%}
    {%- endif -%}
    {%- if known -%}
        {%- set components = create_scratch('components', select_components(members, roots)) -%}
        {%- set customers = create_scratch('customers', select_partition(components, nodes, identifiers, pairs)) -%}
        {%- set replaced = create_scratch('replaced', select_replaced_rows(members, customers, nodes, known)) -%}
        {%- set rows = '(select * from ' ~ replaced ~ ' where customer_no is not null)' -%}
        {%- call statement('main') -%}
            {{ replace_rows(target_relation, 'identifier_no', replaced, select_partition_rows(rows, latest)) }}
        {%- endcall -%}
    {%- else -%}
        {# Write all rows once, replace the few that a limit cuts off, then rename the table. #}
        {%- set built = make_intermediate_relation(target_relation) -%}
        {{ drop_relation_if_exists(load_cached_relation(built)) }}
        {%- call statement('main') -%}
            {{ create_table_as(False, built, select_partition_rows('(\n' ~ select_all_components(nodes, roots) ~ '\n)', latest)) }}
        {%- endcall -%}
        {%- set components = '(select identifier_no as node, component_no, cause_rank from ' ~ built ~ ')' -%}
        {%- set customers = '(\n' ~ select_partition(components, nodes, identifiers, pairs) ~ '\n)' -%}
        {%- set cut = create_scratch('cut', 'select * from ' ~ customers ~ ' as customers where customer_no <> component_no') -%}
        {%- if count_rows(cut) > 0 -%}
            {%- call statement('cut') -%}
                {{ replace_rows(built, 'identifier_no', cut, select_partition_rows(cut, latest)) }}
            {%- endcall -%}
        {%- endif -%}
        {{ drop_relation_if_exists(existing_relation) }}
        {%- do adapter.rename_relation(built, target_relation) -%}
    {%- endif -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do persist_docs(target_relation, model) -%}
    {{ adapter.commit() }}
    {%- do adapter.drop_schema(scratch_relation('any').without_identifier()) -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
