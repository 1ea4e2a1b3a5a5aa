select
    concat('H', lpad(cast(household_no as varchar), 9, '0')) as household_id,
    member_count, country_code, city, street, postal_code, family_phone, shares_phone, shares_tablet,
from households
order by household_id
