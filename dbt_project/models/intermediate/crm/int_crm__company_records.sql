{#
    grain: one row per company of a source, also of those that only a deal or contract names; key:
        source, source_company_id
    why here: records of one domain are one company, whichever system has them; a domain where
        everybody may have an address is nobody's
#}
{% set bare_domain = extract_pattern("lower(companies.domain)", "'^(?:[a-z]+://)?(?:www[.])?([^/?#:]+[.][^/?#:]+)'") %}
with companies as (

    {{ union_concept('companies') }}

),

named as (

    select
        source,
        company_id
    from {{ ref('int_crm__deals') }}
    where company_id is not null

    union

    select
        source,
        company_id
    from {{ ref('int_crm__contracts') }}
    where company_id is not null

),

mail_domains as (

    select email_domain
    from {{ ref('email_domains') }}

),

known as (

    select
        companies.source,
        companies.company_id as source_company_id,
        companies.parent_company_id as source_parent_company_id,
        companies.company_name,
        {{ bare_domain }} as domain,
        companies.industry,
        companies.city,
        companies.country_code,
        companies.created_at,
        companies.updated_at
    from companies

    union all

    select
        named.source,
        named.company_id as source_company_id,
        null as source_parent_company_id,
        null as company_name,
        null as domain,
        null as industry,
        null as city,
        null as country_code,
        null as created_at,
        null as updated_at
    from named
    left join companies
        on named.source = companies.source and named.company_id = companies.company_id
    where companies.company_id is null

),

final as (

    select
        known.source,
        known.source_company_id,
        known.source_parent_company_id,
        coalesce(
            case when mail_domains.email_domain is null then known.domain end,
            known.source || ':' || known.source_company_id
        ) as company_id,
        case when mail_domains.email_domain is null then known.domain end as domain,
        known.company_name,
        known.industry,
        known.city,
        known.country_code,
        known.created_at,
        known.updated_at
    from known
    left join mail_domains on known.domain = mail_domains.email_domain

)

select * from final
