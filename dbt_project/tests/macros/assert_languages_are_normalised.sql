-- normalize_language on locales of browsers and systems; a row is a case with another result.
with cases as (

    select 'de' as written, 'de' as expected
    union all
    select ' de-DE ', 'de'
    union all
    select 'PT_br', 'pt'
    union all
    select 'en_US.UTF-8', 'en'
    union all
    select 'zh-Hant-TW', 'zh'
    union all
    select 'iw-IL', 'he'
    union all
    select 'xx', null
    union all
    select 'c.utf-8', null
    union all
    select 'deu', null
    union all
    select 'German', null
    union all
    select '', null

),

normalised as (

    select
        written,
        expected,
        {{ normalize_language('written') }} as actual
    from cases

)

select * from normalised
where actual is distinct from expected
