-- normalize_email on what people and systems write; a row is a case with another result.
with cases as (

    select ' Ann.Lee@Example.COM ' as written, 'ann.lee@example.com' as expected
    union all
    select 'o''neil+news@mail.example.co.uk', 'o''neil+news@mail.example.co.uk'
    union all
    select 'JÜRGEN@MÜLLER.DE', 'jürgen@müller.de'
    union all
    select 'a@xn--mller-kva.example', 'a@xn--mller-kva.example'
    union all
    select 'x_y-z@sub.domain.example', 'x_y-z@sub.domain.example'
    union all
    select 'first{last}@example.org', 'first{last}@example.org'
    union all
    select '', null
    union all
    select 'no address', null
    union all
    select 'ann@example', null
    union all
    select 'ann@@example.com', null
    union all
    select 'ann@ex@ample.com', null
    union all
    select '@example.com', null
    union all
    select '.ann@example.com', null
    union all
    select 'ann.@example.com', null
    union all
    select 'an..n@example.com', null
    union all
    select 'ann lee@example.com', null
    union all
    select 'ann@-example.com', null
    union all
    select 'ann@example-.com', null
    union all
    select 'ann@example..com', null
    union all
    select 'ann@192.168.0.1', null
    union all
    select 'Ann Lee <ann@example.com>', 'ann@example.com'
    union all
    select '"Lee, Ann" <mailto:Ann@Example.com>', 'ann@example.com'
    union all
    select 'mailto:ann@example.com?subject=stop', 'ann@example.com'
    union all
    select chr(160) || 'ann@example.com' || chr(8239), 'ann@example.com'
    union all
    select 'ann' || chr(8203) || '@exam' || chr(173) || 'ple.com' || chr(65279), 'ann@example.com'
    union all
    select 'ａｎｎ＠ｅｘａｍｐｌｅ．ｃｏｍ', 'ann@example.com'
    union all
    select '„ann@example.com“', 'ann@example.com'
    union all
    select 'ju' || chr(776) || 'rgen@example.com', 'jürgen@example.com'
    union all
    select '"ann@example.com";', 'ann@example.com'
    union all
    select '(ann@example.com).', 'ann@example.com'
    union all
    select 'ann@example.com <bob@example.com>', null
    union all
    select 'Ann ann@example.com', null
    union all
    select 'ann@example.com, bob@example.com', null
    union all
    select 'ivan@пример.рф', 'ivan@пример.рф'
    union all
    select 'Ana@ＭÜＬＬＥＲ。de.', 'ana@müller.de'
    union all
    select 'ana@пример..рф', null
    union all
    select 'ana@пример.12', null
    union all
    select 'fcb67ef339b691956cc85fa12be6490c', null
    union all
    select repeat('a', 64) || '@example.com', repeat('a', 64) || '@example.com'
    union all
    select repeat('a', 65) || '@example.com', null
    union all
    select 'ann@' || repeat('a.', 130) || 'com', null

),

normalised as (

    select
        written,
        expected,
        {{ normalize_email('written') }} as actual
    from cases

)

select * from normalised
where actual is distinct from expected
