{{ config(meta={'dagster': {'ref': {'name': 'dim_customer_redirects'}}}) }}
-- Every published customer id exists, resolves to one that exists, or has no identifiers left.
select history.customer_no
from {{ ref('int_identity__membership_history') }} as history
left join {{ ref('int_identity__customers') }} as living on history.customer_no = living.named_no
left join {{ ref('dim_customer_redirects') }} as redirects
    on {{ customer_id_of('history.customer_no') }} = redirects.retired_customer_id
left join
    {{ ref('int_identity__customer_identifiers') }} as present
    on redirects.customer_id = present.customer_id
where
    history.customer_no is not null
    and living.named_no is null
    and (
        redirects.retired_customer_id is null
        or (redirects.customer_id is not null and present.customer_id is null)
    )
