with source as (

    {% for kind in ['call', 'email', 'meeting', 'note', 'task'] %}
        select
            '{{ kind }}' as engagement_type,
            {{ kind }}s_id as engagement_id,
            {{ adapter.quote('value') }} as contact_id,
            _superseded_at,
            _deleted_at,
            _loaded_at
        from {{ source('hubspot', kind ~ 's__contacts') }}
        {% if not loop.last %}

            union all

        {% endif %}
    {% endfor %}

),

final as (

    select
        source.engagement_type,
        source.engagement_id,
        source.contact_id,
        {{ record_state(updated_at='source._loaded_at') }}
    from source

)

select * from final
