-- Pseudo-randomness: a number is a function of the seed, the name of a stream and the ids it is
-- drawn for, never of an order. hash() of several values is the exclusive or of their hashes, so a
-- second hash is needed to separate two streams.
create or replace macro bits(stream, a) as hash(hash(getvariable('seed'), stream, a)),
    (stream, a, b) as hash(hash(getvariable('seed'), stream, a * 4099 + b));

-- Uniform in [0, 1).
create or replace macro draw(stream, a) as cast(bits(stream, a) >> 11 as double) / 9007199254740992.0,
    (stream, a, b) as cast(bits(stream, a, b) >> 11 as double) / 9007199254740992.0;

-- True with probability p.
create or replace macro chance(p, stream, a) as draw(stream, a) < p,
    (p, stream, a, b) as draw(stream, a, b) < p;

-- An integer of 1..n. A skew above 1 makes small ones more common, as with names and products.
create or replace macro pick(n, stream, a) as 1 + cast(floor(draw(stream, a) * n) as integer),
    (n, stream, a, b) as 1 + cast(floor(draw(stream, a, b) * n) as integer);
create or replace macro pick_skewed(n, skew, stream, a) as 1 + cast(floor(pow(draw(stream, a), skew) * n) as integer);

-- Exponential with mean 1 (never infinite, because draw is below 1).
create or replace macro wait(stream, a) as -ln(1.0 - draw(stream, a)),
    (stream, a, b) as -ln(1.0 - draw(stream, a, b));

-- A different number of `width` digits for every n below 10^width: multiplication by a number
-- coprime to ten.
create or replace macro digits(n, width) as
    lpad(cast((cast(n as hugeint) * 6180339887 + getvariable('seed') * 7919) % cast(pow(10, width) as bigint) as varchar), width, '0');

-- Times are in whole milliseconds.
create or replace macro after(moment, seconds) as moment + to_microseconds(cast(round(seconds * 1000) as bigint) * 1000);

-- Shop hours: a moment of the day between 06:30 and 23:00, most often in the afternoon.
create or replace macro in_daytime(day, stream, a) as
    after(date_trunc('day', day), 23400 + 59400 * (draw(stream || ' one', a) + draw(stream || ' two', a)) / 2);

-- Opaque tokens: 32 hexadecimal digits, or a version-less UUID.
create or replace macro token(stream, a) as md5(concat_ws('/', getvariable('seed'), stream, a));
create or replace macro uuid_token(stream, a) as cast(cast(token(stream, a) as uuid) as varchar);

-- # is a digit, @ a letter: '10###' becomes 10317.
create or replace macro fill(pattern, stream, a) as
    replace(replace(replace(replace(replace(pattern,
        '####', lpad(cast(bits(stream, a) % 10000 as varchar), 4, '0')),
        '###', lpad(cast(bits(stream, a) % 1000 as varchar), 3, '0')),
        '##', lpad(cast(bits(stream, a) % 100 as varchar), 2, '0')),
        '#', cast(1 + bits(stream, a) % 9 as varchar)),
        '@@', chr(cast(65 + (bits(stream, a) >> 8) % 26 as integer)) || chr(cast(65 + (bits(stream, a) >> 16) % 26 as integer)));

-- The text in the characters that a mailbox or a domain may have.
create or replace macro mailbox_text(text) as
    regexp_replace(lower(strip_accents(replace(replace(replace(replace(text, 'ß', 'ss'), 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'))), '[^a-z0-9]', '', 'g');

-- One typing error: two letters swapped, one left out, or one typed twice.
create or replace macro slip(text, stream, a) as
    case
        when length(text) < 4 then text || right(text, 1)
        when bits(stream, a) % 3 = 0 and substr(text, 2, 1) <> substr(text, 3, 1)
            then left(text, 1) || substr(text, 3, 1) || substr(text, 2, 1) || substr(text, 4)
        when bits(stream, a) % 3 = 1 then left(text, length(text) - 2) || right(text, 1)
        else left(text, 3) || substr(text, 3, 1) || substr(text, 4)
    end;

-- An amount in the precision of its currency: whole yen, otherwise cents.
create or replace macro money(amount, money_digits) as cast(if(money_digits = 0, round(amount, 0), round(amount, 2)) as decimal(18, 2));
