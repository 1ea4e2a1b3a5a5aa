{#
    grain: one row per company; key: company_id
    why here: one row of all records of a company, and the top of its hierarchy
#}
{% set longest_chain_doublings = 5 %}
with records as (

    select * from {{ ref('int_crm__company_records') }}

),

best_records as (

    select * from records
    qualify
        row_number() over (
            partition by company_id
            order by
                case when company_name is not null then 0 else 1 end asc,
                updated_at desc nulls last,
                source asc,
                source_company_id asc
        ) = 1

),

sizes as (

    select
        company_id,
        count(*) as record_count,
        max(industry) as industry,
        max(country_code) as country_code,
        min(created_at) as first_created_at
    from records
    group by 1

),

parents_0 as (

    select
        records.company_id,
        parents.company_id as parent_company_id
    from records
    inner join records as parents
        on
            records.source = parents.source
            and records.source_parent_company_id = parents.source_company_id
    where records.company_id <> parents.company_id
    qualify
        row_number() over (
            partition by records.company_id
            order by records.updated_at desc nulls last, parents.company_id asc
        ) = 1

),

{% for doubling in range(longest_chain_doublings) %}
    parents_{{ doubling + 1 }} as (

        select
            parents.company_id,
            coalesce(nexts.parent_company_id, parents.parent_company_id) as parent_company_id
        from parents_{{ doubling }} as parents
        left join parents_{{ doubling }} as nexts
            on parents.parent_company_id = nexts.company_id

    ),

{% endfor %}
{# A company in a circle of parents, or below one, has no top but itself. #}
tops as (

    select
        parents.company_id,
        parents.parent_company_id as ultimate_parent_company_id
    from parents_{{ longest_chain_doublings }} as parents
    left join parents_0 as higher on parents.parent_company_id = higher.company_id
    where higher.company_id is null

),

final as (

    select
        best_records.company_id,
        best_records.company_name,
        best_records.domain,
        coalesce(best_records.industry, sizes.industry) as industry,
        best_records.city,
        coalesce(best_records.country_code, sizes.country_code) as country_code,
        parents_0.parent_company_id,
        coalesce(tops.ultimate_parent_company_id, best_records.company_id)
            as ultimate_parent_company_id,
        sizes.record_count,
        sizes.first_created_at
    from best_records
    inner join sizes on best_records.company_id = sizes.company_id
    left join parents_0 on best_records.company_id = parents_0.company_id
    left join tops on best_records.company_id = tops.company_id

)

select * from final
