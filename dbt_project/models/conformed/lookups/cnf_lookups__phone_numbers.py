"""Phones as E.164, parsed once per distinct new value. Keep out: whose phone it is (the models that join this)."""

from __future__ import annotations

import re

import phonenumbers
import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("phone_text", pa.string()),
        ("phone_e164", pa.string()),
        ("phone_type", pa.string()),
        ("is_valid", pa.bool_()),
        ("phone_extension", pa.string()),
    ]
)
TYPES = {
    phonenumbers.PhoneNumberType.MOBILE: "mobile",
    phonenumbers.PhoneNumberType.FIXED_LINE: "fixed_line",
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
    phonenumbers.PhoneNumberType.VOIP: "voip",
    phonenumbers.PhoneNumberType.TOLL_FREE: "toll_free",
    phonenumbers.PhoneNumberType.PREMIUM_RATE: "premium_rate",
    phonenumbers.PhoneNumberType.SHARED_COST: "shared_cost",
    phonenumbers.PhoneNumberType.PERSONAL_NUMBER: "personal_number",
    phonenumbers.PhoneNumberType.PAGER: "pager",
    phonenumbers.PhoneNumberType.UAN: "uan",
    phonenumbers.PhoneNumberType.VOICEMAIL: "voicemail",
}
MEXICO, ITALY, ARGENTINA = 52, 39, 54
COUNTING = ("0123456789", "9876543210")


def without_fraction(typed: str) -> str:
    """Return the digits of a number that a program wrote as a float (4930901820.0, 4.930901820E+9), if it has all."""
    whole, _, decimals = typed.strip().partition(".")
    if re.fullmatch(r"[+]?[0-9]{7,}", whole) and re.fullmatch("0+", decimals):
        return whole
    found = re.fullmatch(r"([0-9]+)[eE][+]?([0-9]{1,2})", decimals)
    if re.fullmatch("[+]?[1-9]", whole) and found and len(found[1]) == int(found[2]):
        return whole + found[1]
    return typed


def is_placeholder(national_number: str) -> bool:
    """Return whether a number only satisfies a form: one repeated digit, or digits that count up or down."""
    return len(set(national_number)) == 1 or any(national_number in digits * 2 for digits in COUNTING)


def in_today_plan(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber:
    """Return a number as it is dialled today, where people often write it otherwise.

    Mexico: mobile numbers had a 1 before the ten digits until 2019, and 01, 044 or 045 inside the country. Italy: the
    zero of a landline is a part of its number, which people leave out as in other countries; mobile numbers have none.
    Argentina: a mobile number has a 9 from abroad, which people leave out, and a 15 behind the area code inside the
    country, which they add to the 9. No landline has the digits of a mobile number, so each number gets the 9.
    """
    national = phonenumbers.national_significant_number(number)
    others: list[str] = []
    if number.country_code == MEXICO:
        others = [national.removeprefix(prefix) for prefix in ("1", "01", "044", "045", "44", "45")]
        others = [other for other in others if len(other) == 10]
    elif number.country_code == ITALY:
        others = [f"0{national}", national.removeprefix("0")]
    elif number.country_code == ARGENTINA and len(national) == 10:
        others = [f"9{national}"]
    elif number.country_code == ARGENTINA and len(national) == 13:
        others = [national.removeprefix("9")]
    if number.country_code == ARGENTINA or not phonenumbers.is_valid_number(number):
        for other in others:
            parsed = phonenumbers.parse(f"+{number.country_code}{other}")
            if phonenumbers.is_valid_number(parsed):
                parsed.extension = number.extension
                return parsed
    return number


def parse_phone(phone_text: str) -> tuple[str | None, str | None, bool, str | None]:
    """Return E.164, type, validity and extension of `<country>|<as typed>`; (None, None, False, None) if it is not a
    phone number.

    A national number is parsed only with the country of its record: without it, the number is ambiguous. A mobile phone
    has no extensions: what is written there is a note.
    """
    country_code, _, typed = phone_text.partition("|")
    try:
        number = phonenumbers.parse(without_fraction(typed), country_code or None)
    except phonenumbers.NumberParseException:
        return None, None, False, None
    typed_type = phonenumbers.number_type(number)
    number = in_today_plan(number)
    phone_type = phonenumbers.number_type(number)  # unknown for each number that is not valid
    if phone_type == phonenumbers.PhoneNumberType.UNKNOWN:
        return None, None, False, None
    if is_placeholder(phonenumbers.national_significant_number(number)):
        return None, None, False, None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    kind = TYPES.get(phone_type, "other")
    if typed_type == phonenumbers.PhoneNumberType.FIXED_LINE and kind == "mobile":
        kind = "fixed_line_or_mobile"
    return e164, kind, True, None if kind == "mobile" else number.extension


def model(dbt, session):  # type: ignore[no-untyped-def]  # dbt's own signature
    dbt.config(materialized="incremental", incremental_strategy="append", on_schema_change="append_new_columns")
    values = dbt.ref("cnf_lookups__unparsed_values").filter("value_type = 'phone'").select("value as phone_text")
    if dbt.is_incremental:
        values = values.except_(session.table(str(dbt.this)).select("phone_text"))
    new = values.order("phone_text").to_arrow_table()["phone_text"]
    parsed = [parse_phone(phone_text.as_py()) for phone_text in new]
    return pa.table(
        {
            "phone_text": new,
            "phone_e164": [e164 for e164, *_ in parsed],
            "phone_type": [phone_type for _, phone_type, *_ in parsed],
            "is_valid": [is_valid for _, _, is_valid, _ in parsed],
            "phone_extension": [extension for *_, extension in parsed],
        },
        schema=SCHEMA,
    )
