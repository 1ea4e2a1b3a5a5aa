{#
    A model's SQL selects edges; the table that is built holds their connected components, exact to the fixpoint, cut where a limit
    demands it.
    The SQL: identifier_no_a < identifier_no_b (one row per pair), tier, times_seen, source_count, last_seen_at; tier 0 joins
    whatever a limit says.
    config.nodes: name of a model with identifier_no, identifier_type, identifier_value, max_per_customer, has_customer.
    config.exclusions: name of a model with pairs identifier_no_a, identifier_no_b that must not be one customer.
    (Names, because a Relation in config() breaks the manifest.)
    The table: identifier_no, component_no (smallest number of the raw component), customer_no (smallest of the customer).
    Nothing depends on the order of rows, or on which identifier has which number: ranks come from evidence, and ties from the text
    of the identifiers. Only `create table as select` is used, so any engine of dbt's runs it.
#}
{% materialization connected_components, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set nodes = ref(config.require('nodes')) -%}
    {%- set exclusions = ref(config.require('exclusions')) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {# A run that crashed may have left its scratch tables where an engine has no transactions. #}
    {%- do adapter.drop_schema(scratch_relation('any').without_identifier()) -%}
    {%- do adapter.create_schema(scratch_relation('any').without_identifier()) -%}

    {%- set evidence = create_scratch('evidence', sql) -%}
    {%- set edges_sql = 'select identifier_no_a as a, identifier_no_b as b from ' ~ evidence -%}
    {%- set roots = contract_edges(create_scratch('edges', edges_sql), 'raw') -%}
    {%- set components = create_scratch('components', select_components(nodes, roots)) -%}
    {%- set claims = create_scratch('claims', select_claims(nodes, exclusions, components)) -%}

    {%- if count_rows(claims) == 0 -%}
        {%- set customers_sql = 'select node, component_no, component_no as customer_no from ' ~ components -%}
    {%- else -%}
        {%- set labels = cut_at_limits(nodes, evidence, components, claims) -%}
        {%- set customers_sql = select_customers(components, labels) -%}
    {%- endif -%}
    {%- set partition_sql -%}
        select
            cast(node as bigint) as identifier_no,
            cast(component_no as bigint) as component_no,
            cast(customer_no as bigint) as customer_no
        from ({{ customers_sql }}) as customers
    {%- endset -%}

    {%- set existing_relation = load_cached_relation(this) -%}
    {{ drop_relation_if_exists(existing_relation) }}
    {%- call statement('main') -%}
        {{ create_table_as(False, target_relation, partition_sql) }}
    {%- endcall -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do persist_docs(target_relation, model) -%}
    {{ adapter.commit() }}
    {%- do adapter.drop_schema(scratch_relation('any').without_identifier()) -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
