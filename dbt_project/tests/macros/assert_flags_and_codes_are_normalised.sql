-- parse_flag, normalize_currency, clean_text and phone_text, each on what sources write.
with flags as (

    select 'true' as written, true as expected
    union all
    select ' TRUE ', true
    union all
    select '1', true
    union all
    select 'False', false
    union all
    select 'no', false
    union all
    select '', cast(null as boolean)
    union all
    select 'maybe', cast(null as boolean)

),

texts as (

    select
        ' eur ' as written,
        'EUR' as expected_currency,
        'eur' as expected_text,
        cast(null as {{ dbt.type_string() }}) as expected_phone
    union all
    select 'EURO', null, 'EURO', null
    union all
    select '€', null, '€', null
    union all
    select '  ', null, null, null
    union all
    select ' 020 123 ', null, '020 123', 'NL|020 123'

),

wrong as (

    select
        written,
        'parse_flag' as macro_name
    from flags
    where {{ parse_flag('written') }} is distinct from expected
    union all
    select
        written,
        'normalize_currency' as macro_name
    from texts
    where {{ normalize_currency('written') }} is distinct from expected_currency
    union all
    select
        written,
        'clean_text' as macro_name
    from texts
    where {{ clean_text('written') }} is distinct from expected_text
    union all
    select
        written,
        'phone_text' as macro_name
    from texts
    where {{ phone_text('written', "'NL'") }} is distinct from expected_phone

)

select * from wrong
