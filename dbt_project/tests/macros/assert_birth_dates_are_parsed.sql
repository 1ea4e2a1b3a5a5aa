-- parse_birth_date on values of forms and CRMs; an uncertain day gives null.
with cases as (

    select '1980-04-03' as written, cast('1980-04-03' as date) as expected
    union all
    select '1980-04-03T00:00:00Z', cast('1980-04-03' as date)
    union all
    select ' 19800403 ', cast('1980-04-03' as date)
    union all
    select '03.04.1980', cast('1980-04-03' as date)
    union all
    select '323568000000', cast('1980-04-03' as date)
    union all
    select '-323568000000', cast('1959-10-01' as date)
    union all
    select '03/04/1980', null
    union all
    select '1980-02-30', null
    union all
    select '1900-01-01', null
    union all
    select '1970-01-01', null
    union all
    select '1970-01-01T00:00:00Z', null
    union all
    select '1970-01-02', cast('1970-01-02' as date)
    union all
    select '0', null
    union all
    select '1753-01-01', null
    union all
    select '1906-06-29', null
    union all
    select '1906-06-30', cast('1906-06-30' as date)
    union all
    select '2090-01-01', null
    union all
    select '', null
    union all
    select 'unknown', null

),

parsed as (

    select
        written,
        expected,
        {{ parse_birth_date('written', "cast('2026-06-30 00:00:00' as timestamp)") }} as actual
    from cases

)

select * from parsed
where actual is distinct from expected
