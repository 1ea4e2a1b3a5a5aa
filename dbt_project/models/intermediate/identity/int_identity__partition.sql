{{
    config(
        materialized='connected_components',
        nodes='int_identity__nodes',
        identifiers='int_identity__identifiers',
        size_cap=bounded_var('identity_max_identifiers', 1000, 2, 1000000),
    )
}}
-- depends_on: {{ ref('int_identity__nodes') }}
-- depends_on: {{ ref('int_identity__identifiers') }}
{#
    grain: one row per identifier that has a customer; key: identifier_no
    rebuild: the materialization connected_components recomputes the raw components that contain
        changed pairs or nodes
    why here: customer_no is the smallest identifier_no of the customer
#}
select
    identifier_no_a,
    identifier_no_b,
    refusal_reason,
    tier,
    times_seen,
    source_count,
    is_joining,
    is_excluded,
    last_seen_at,
    cause_rank,
    revision_no
from {{ ref('int_identity__pairs') }}
