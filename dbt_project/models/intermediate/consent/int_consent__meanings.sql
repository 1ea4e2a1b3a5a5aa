{#
    grain: one row per (source, decision_word, purpose_word, channel_word, purpose) that a decision
        uses and may concern
    rebuild: full table
    why here: words are interpreted once per distinct combination, not once per decision
#}
with

decisions as (

    select * from {{ ref('int_consent__decisions') }}

),

consent_words as (

    select * from {{ ref('consent_words') }}

),

purposes as (

    select * from {{ ref('purposes') }}

),

used as (

    select distinct
        source,
        decision_word,
        purpose_word,
        channel_word
    from decisions

),

written as (

    select
        'decision' as kind,
        source,
        decision_word as text
    from used

    union

    select
        'purpose' as kind,
        source,
        purpose_word as text
    from used

    union

    select
        'channel' as kind,
        source,
        channel_word as text
    from used

),

words as (

    select
        kind,
        source,
        text,
        {{ normalize_word('text') }} as word
    from written

),

vocabulary as (

    select
        kind,
        coalesce(source, '') as source,
        {{ normalize_word("word") }} as word,
        meaning,
        counts_for_yes
    from consent_words

    union all

    select
        'purpose' as kind,
        '' as source,
        {{ normalize_word('purpose') }} as word,
        purpose as meaning,
        true as counts_for_yes
    from purposes

    union all

    select
        'channel' as kind,
        '' as source,
        {{ normalize_word('channel') }} as word,
        channel as meaning,
        true as counts_for_yes
    from purposes

),

{# A source's own rows replace the rows that apply to all sources. #}
understood as (

    select
        words.kind,
        words.source,
        words.text,
        words.word,
        vocabulary.meaning,
        vocabulary.counts_for_yes,
        rank() over (
            partition by words.kind, words.source, words.text
            order by case when vocabulary.source = words.source then 0 else 1 end
        ) as precedence
    from words
    left join vocabulary
        on
            words.kind = vocabulary.kind
            and words.word = vocabulary.word
            and vocabulary.source in ('', words.source)

),

decided as (

    select
        source,
        text,
        min(meaning) as decision
    from understood
    where kind = 'decision' and precedence = 1
    group by 1, 2

),

{# Purposes that a purpose or channel word names; counts_for_yes: clearly enough for a grant. #}
named as (

    select
        understood.kind,
        understood.source,
        understood.text,
        purposes.purpose,
        max(case when understood.word is null then 1 else 0 end) = 1 as is_empty,
        count(understood.meaning) > 0 as is_known,
        max(
            case
                when understood.meaning = '*' then 1
                when understood.kind = 'purpose' and understood.meaning = purposes.purpose then 1
                when understood.kind = 'channel' and understood.meaning = purposes.channel then 1
                else 0
            end
        ) = 1 as is_named,
        max(
            case
                when not understood.counts_for_yes then 0
                when understood.meaning = '*' then 1
                when understood.kind = 'purpose' and understood.meaning = purposes.purpose then 1
                when understood.kind = 'channel' and understood.meaning = purposes.channel then 1
                else 0
            end
        ) = 1 as is_clearly_named
    from understood
    cross join purposes
    where understood.kind in ('purpose', 'channel') and understood.precedence = 1
    group by 1, 2, 3, 4

),

combined as (

    select
        used.source,
        used.decision_word,
        used.purpose_word,
        used.channel_word,
        decided.decision,
        purposes.purpose,
        purposes.channel,
        by_purpose.is_known as is_purpose_known,
        by_channel.is_known as is_channel_known,
        by_channel.is_empty as is_channel_empty,
        by_purpose.is_named as is_in_purpose,
        by_channel.is_named as is_in_channel,
        by_purpose.is_clearly_named and (by_channel.is_empty or by_channel.is_clearly_named) as is_clear,
        max(case when by_purpose.is_named and by_channel.is_named then 1 else 0 end) over (
            partition by used.source, used.decision_word, used.purpose_word, used.channel_word
        ) = 1 as has_overlap,
        max(case when by_purpose.is_named then 1 else 0 end) over (
            partition by used.source, used.decision_word, used.purpose_word, used.channel_word
        ) = 1 as has_purpose
    from used
    inner join decided on used.source = decided.source and used.decision_word = decided.text
    cross join purposes
    inner join named as by_purpose
        on
            by_purpose.kind = 'purpose'
            and used.source = by_purpose.source
            and used.purpose_word = by_purpose.text
            and purposes.purpose = by_purpose.purpose
    inner join named as by_channel
        on
            by_channel.kind = 'channel'
            and used.source = by_channel.source
            and used.channel_word = by_channel.text
            and purposes.purpose = by_channel.purpose

),

judged as (

    select
        source,
        decision_word,
        purpose_word,
        channel_word,
        purpose,
        channel,
        decision,
        case
            when decision is null then 'decision'
            when not is_purpose_known then 'purpose'
            when not is_channel_known and not is_channel_empty then 'channel'
            when is_channel_known and has_purpose and not has_overlap then 'contradiction'
            when decision in ('granted', 'confirmed') and not is_clear then 'vague'
        end as unreadable_reason,
        case
            when is_purpose_known and not is_channel_known then is_in_purpose
            when is_purpose_known and has_overlap then is_in_purpose and is_in_channel
            when is_purpose_known then has_purpose and (is_in_purpose or is_in_channel)
            when is_channel_known then is_in_channel
            else true
        end as may_concern
    from combined

),

final as (

    select
        source,
        decision_word,
        purpose_word,
        channel_word,
        purpose,
        channel,
        decision,
        unreadable_reason
    from judged
    where may_concern

)

select * from final
