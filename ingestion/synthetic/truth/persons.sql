-- One row per person, including anonymous visitors.
select
    person_id, true as is_customer, given_name, family_name, later_family_name, email, second_email, phone, next_phone, birth_date, country_code, city, postal_code, street,
    concat('H', lpad(cast(household_no as varchar), 9, '0')) as household_id,
    if(company_no is null, null, concat('F', lpad(cast(company_no as varchar), 7, '0'))) as company_id,
    shopify_customer_id, is_employee, first_seen_at, life_changed_at,
from persons
inner join lives using (person_no)
union all
select
    visitor_id(n), false, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, false, null, null,
from range(getvariable('customers') + 1, getvariable('customers') + getvariable('visitors') + 1) as visitor (n)
order by person_id
