select
    line_id(order_no, line) as id,
    order_id(order_no) as order_id,
    products.product_id,
    cast(cast(products.product_id as bigint) + 35000000000000 as varchar) as variant_id,
    products.sku,
    products.product_name as name,
    products.product_name as title,
    'Nordkai' as vendor,
    basket_lines.price,
    -- The discount code applies to the most expensive line, as at the shop's tills.
    if(line = 1, discount_amount, 0.00::decimal(18, 2)) as total_discount,
    cast(quantity as bigint) as quantity,
    cast(100 + 50 * products.product_no as double) as grams,
    cast(0 as bigint) as fulfillable_quantity,
    if(is_cancelled, null, 'fulfilled') as fulfillment_status,
    false as gift_card,
    true as requires_shipping,
    true as taxable,
    cast(line as bigint) as index,
    false as _fivetran_deleted,
    synced(ordered_at, 'order synced', order_no) as _fivetran_synced,
    synced(ordered_at, 'order synced', order_no) as _arrived_at,
    order_no * 16 + line as _order,
from orders
inner join basket_lines using (visit_no)
inner join products using (product_no)
