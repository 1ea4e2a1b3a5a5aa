select
    refund_id(order_no) as id,
    order_id(order_no) as order_id,
    cast(40000000000 + order_no % 4 as varchar) as user_id,
    if(draw('refund note', order_no) < 0.3, 'Arrived damaged', null) as note,
    draw('restock', order_no) < 0.6 as restock,
    changed_at as created_at,
    changed_at as processed_at,
    false as _fivetran_deleted,
    synced(changed_at, 'order synced', order_no) as _fivetran_synced,
    synced(changed_at, 'order synced', order_no) as _arrived_at,
    order_no as _order,
from orders
where is_refunded and not is_cancelled
