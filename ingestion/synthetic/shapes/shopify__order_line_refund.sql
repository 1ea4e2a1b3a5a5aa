-- The amount of a line is what was paid for it: the discount is on the first line.
with returned as (
    select
        *,
        price * quantity - if(line = 1, discount_amount, 0.00::decimal(18, 2)) as line_amount,
    from (select * exclude (currency, country_code, tax_rate, money_digits, is_foreign) from orders) as orders
    inner join basket_lines using (visit_no)
    where is_refunded and not is_cancelled and (not is_partly_refunded or line = 1)
)

select
    cast(cast(refund_id(order_no) as bigint) * 16 + line as varchar) as id,
    refund_id(order_no) as refund_id,
    line_id(order_no, line) as order_line_id,
    '61000000001' as location_id,
    'return' as restock_type,
    cast(quantity as bigint) as quantity,
    line_amount - money(line_amount * tax_rate / (1 + tax_rate), money_digits) as subtotal,
    money(line_amount * tax_rate / (1 + tax_rate), money_digits) as total_tax,
    false as _fivetran_deleted,
    synced(changed_at, 'order synced', order_no) as _fivetran_synced,
    synced(changed_at, 'order synced', order_no) as _arrived_at,
    order_no * 16 + line as _order,
from returned
