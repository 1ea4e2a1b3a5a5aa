-- Baskets, orders and returns.

-- Prices are those of the country of the purchase.
create or replace table baskets as
with lined as (
    select visit_no, account_no, started_at, category_no, unnest(range(1, basket_count + 1)) as line
    from visits
    where basket_count > 0 and is_customer
)

select
    lined.visit_no, lined.line,
    (category_no - 1) * 8 + pick(8, 'product', lined.visit_no, line) as product_no,
    1
    + cast(draw('quantity', lined.visit_no, line) > 0.8 as integer)
    + cast(draw('quantity', lined.visit_no, line) > 0.95 as integer) as quantity,
    coalesce(abroad.country_code, persons.country_code) as country_code,
    abroad.country_code is not null and abroad.country_code <> persons.country_code as is_foreign,
from lined
inner join persons on persons.person_no = lined.account_no
left join country_slots as abroad
    on abroad.slot = pick(100, 'abroad', lined.visit_no) and chance(getvariable('foreign_orders'), 'foreign order', lined.visit_no);

create or replace table basket_lines as
select
    baskets.*,
    countries.currency, countries.tax_rate, countries.money_digits,
    money(products.price * countries.price_level, countries.money_digits) as price,
from baskets
inner join products using (product_no)
inner join countries using (country_code)
order by visit_no, line;

create or replace table basket_totals as
with summed as (
    select
        visit_no,
        any_value(currency) as currency,
        any_value(country_code) as country_code,
        any_value(is_foreign) as is_foreign,
        any_value(tax_rate) as tax_rate, any_value(money_digits) as money_digits,
        cast(sum(price * quantity) as decimal(18, 2)) as items_amount,
        count(*) as line_count,
    from basket_lines
    group by visit_no
),

discounted as (
    select
        *,
        if(
            chance(0.12, 'discount code', visit_no),
            money(items_amount * 0.1, money_digits),
            0.00::decimal(18, 2)
        ) as discount_amount,
    from summed
)

select
    *,
    items_amount - discount_amount as total_amount,
    money((items_amount - discount_amount) * tax_rate / (1 + tax_rate), money_digits) as tax_amount,
from discounted;

create or replace table orders as
with placed as (
    select
        visits.visit_no,
        visits.person_no,
        visits.account_no,
        visits.place,
        visits.channel,
        visits.device_no,
        visits.is_signed_in,
        basket_totals.* exclude (visit_no),
        after(
            visits.started_at,
            visits.step_count * visits.step_seconds + coalesce(recovered_after, 0)
        ) as ordered_at,
        recovered_after is not null as is_recovered,
        -- In the store, the loyalty card identifies the account.
        persons.shopify_customer_id is not null
        and (
            visits.is_signed_in
            or (place = 'store' and chance(0.8, 'loyalty card', visits.visit_no))
        ) as names_account,
    from visits
    inner join basket_totals using (visit_no)
    inner join persons on persons.person_no = visits.account_no
    where visits.outcome = 'order'
),

fated as (
    select
        *,
        draw('fate', visit_no) < 0.03 as is_cancelled,
        draw('fate', visit_no) between 0.03 and 0.09 as is_refunded,
        draw('fate', visit_no) between 0.06 and 0.09 and line_count > 1 as is_partly_refunded,
        draw('fate', visit_no) > 0.75 as is_shipped_later,
        draw('fate', visit_no) between 0.60 and 0.602 as is_test,
    from placed
    where ordered_at < getvariable('world_end')
)

select
    *,
    row_number() over (order by ordered_at, visit_no) as order_no,
    case
        when is_cancelled then after(ordered_at, 1800 + 72000 * draw('changed after', visit_no))
        when is_refunded then after(ordered_at, 86400 * (3 + 17 * draw('changed after', visit_no)))
        when
            is_shipped_later
            then after(ordered_at, 86400 * (0.3 + 2 * draw('changed after', visit_no)))
    end as changed_at,
from fated
order by order_no;

-- Shopify's ids grow with time and have no other pattern.
create or replace macro order_id(order_no) as cast(
    5200000000000 + order_no * 65536 + bits('order id', order_no) % 65536 as varchar
);
create or replace macro line_id(order_no, line) as cast(
    13100000000000 + order_no * 65536 + line * 4096 + bits('line id', order_no) % 4096 as varchar
);
create or replace macro refund_id(order_no) as cast(
    890000000000 + order_no * 4096 + bits('refund id', order_no) % 4096 as varchar
);

-- The loader runs every 15 minutes.
create or replace macro synced(moment, stream, a) as after(moment, 30 + 870 * draw(stream, a));
