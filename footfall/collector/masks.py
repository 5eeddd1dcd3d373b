"""What nobody should have written into a text: e-mail addresses, card numbers, tokens, passwords in URLs, addresses.

Each pattern takes time that grows with the length of the text, whatever the text: see the possessive quantifiers (++).
Before most of them stands a cheaper one, which begins with a set of characters and so passes quickly over others.
"""

from __future__ import annotations

import re

from footfall.collector.ip_addresses import packed, shortened

E_MAIL, CARD, TOKEN = "[e-mail]", "[card]", "[token]"

# As in Ada:secret@host.example, plain or percent-encoded.
_USERINFO = re.compile(r"""(://)[^/?#\s"'<>\\]*@|(%3A%2F%2F)(?:(?!%2F|%3F|%23)[^/?#&\s"'<>\\])*%40""", re.IGNORECASE)

# RFC 5322's characters less those that end a name in URLs and prose; or percent-encoded ones that are none of these.
_LOCAL = r"\w.!$'*+^`{|}~-"
_SEPARATORS = "20|22|26|27|28|2C|2F|3A|3B|3C|3D|3F|5B|7B"
_AFTER_SEPARATOR = f"(?<={'|'.join(f'%{code}' for code in _SEPARATORS.split('|'))})"
_E_MAIL = re.compile(
    rf"(?:(?<![%{_LOCAL}])|{_AFTER_SEPARATOR})"
    rf"(?:[{_LOCAL}]|%(?!(?:25)*40|{_SEPARATORS})[0-9A-F]{{2}})++"
    r"(?:@|%(?:25)*40)"
    r"(?!\dx\.)"  # logo@2x.png
    r"(?:(?:[\w-]++\.)+[^\W\d_]{2,}|\[[0-9A-F:.]+\])",
    re.IGNORECASE,
)

_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?")  # RFC 7519: {" in base64url, then what is signed
_AUTHORIZATION = re.compile(
    r"\b(Bearer|Basic)(?:[ +]|%20)+(?:(?=[\w.~+/%-]*[\d=])[\w.~+/%-]{8,}=*|[\w.~+/%-]{20,})", re.IGNORECASE
)

_MANY_DIGITS = re.compile(r"[0-9](?:(?:[ +\u00a0-]|%20)?[0-9]){13}")
_DIGITS = re.compile(
    rf"(?:(?<![0-9A-Za-z%])|{_AFTER_SEPARATOR})[0-9](?:(?:[ +\u00a0-]|%20)?[0-9])+(?![0-9A-Za-z])", re.IGNORECASE
)
_GROUPS = re.compile(r"(%20|[^0-9])")
# The lengths in which issuers of ISO/IEC 7812 prefixes give out numbers. Not Visa's of 13 digits, which are gone: every
# German article number (GTIN) looks like one.
_ISSUERS = re.compile(
    r"4\d{15}(?:\d{3})?"  # Visa
    r"|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-59]|[689]\d)\d{11}"  # Diners Club
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12,15}"  # Discover
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|62\d{14,17}"  # UnionPay
    r"|220[0-4]\d{12,15}"  # Mir
    r"|60\d{14}|508\d{13}"  # RuPay
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{12,15}"  # Maestro
)
SHORTEST, LONGEST = 14, 19
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

_DOTTED = re.compile(r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
# The host of a URL is a machine that serves, not a visitor.
_IPV4 = re.compile(
    rf"(?:(?<![0-9A-Za-z.])|{_AFTER_SEPARATOR})(?<!//)(?<!%2F%2F)"
    r"\d{1,3}(?:\.\d{1,3}){3}(?![0-9A-Za-z]|\.\d)",
    re.IGNORECASE,
)
_HEXTET = re.compile(r"[23Ff][0-9A-Fa-f]{3}(?::|%3[Aa])[0-9A-Fa-f]{0,4}(?::|%3[Aa])")
_IPV6 = re.compile(
    rf"(?:(?<![0-9A-Za-z:])|{_AFTER_SEPARATOR})(?<!//\[)"
    r"[23f][0-9a-f]{3}(?:(?::|%3A)[0-9a-f]{0,4}){2,7}(?![0-9A-Za-z])",  # what is given out begins so
    re.IGNORECASE,
)


def without_secrets(text: str) -> str:
    """A text without userinfo in URLs, tokens, e-mail addresses and card numbers."""
    if "@" in text or "%40" in text or "%2540" in text:
        text = _USERINFO.sub(r"\1\2", text)
        text = _E_MAIL.sub(E_MAIL, text)
    if "eyJ" in text:
        text = _JWT.sub(TOKEN, text)
    if "earer" in text or "asic" in text:
        text = _AUTHORIZATION.sub(rf"\1 {TOKEN}", text)
    if len(text) >= SHORTEST and _MANY_DIGITS.search(text):
        text = _DIGITS.sub(_without_cards, text)
    return text


def without_addresses(text: str) -> str:
    """A text whose addresses are shortened, IPv4 to /24 and IPv6 to /48."""
    if _DOTTED.search(text):
        text = _IPV4.sub(_shortened, text)
    if _HEXTET.search(text):
        text = _IPV6.sub(_shortened, text)
    return text


def is_card(number: str) -> bool:
    """Whether 14 to 19 digits have an issuer's prefix and length, and a right check digit (Luhn, ISO/IEC 7812-1).

    Of numbers of 16 digits made at random, 2.4 % do.
    """
    if not _ISSUERS.fullmatch(number):
        return False
    digits = [int(digit) for digit in reversed(number)]
    return (sum(digits[::2]) + sum(_DOUBLED[digit] for digit in digits[1::2])) % 10 == 0


def _without_cards(run: re.Match[str]) -> str:
    if len(run[0]) < SHORTEST:
        return run[0]
    parts = _GROUPS.split(run[0])  # digits, separator, digits, …
    kept: list[str] = []
    first = 0
    while first < len(parts):
        number, end = "", first + 1
        for last in range(first, len(parts), 2):
            number += parts[last]
            # Cards are written in one or in groups of 3 to 7 digits; sizes, dates and the parts of a UUID are not.
            is_group = 3 <= len(parts[last]) <= 7
            if len(number) > LONGEST or not (is_group or last == first):
                break
            if len(number) >= SHORTEST and is_card(number):
                parts[last], end = CARD, last + 1
                break
            if not is_group:
                break
        kept += parts[end - 1 : end + 1]  # and the separator behind it
        first = end + 1
    return "".join(kept)


def _shortened(found: re.Match[str]) -> str:
    text = found[0].replace("%3A", ":").replace("%3a", ":")
    whole = packed(text)
    if whole is None and text.endswith(":"):  # a colon of the sentence
        whole, rest = packed(text[:-1]), ":"
    else:
        rest = ""
    return found[0] if whole is None else shortened(whole) + rest
