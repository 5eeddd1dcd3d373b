"""Names of fields and query parameters that are not kept, and how a name is compared with them.

Names are compared in lower case and without anything but letters and digits, by their last part: access_token,
Access-Token and user[access_token] are accesstoken. docs/privacy.md shows the same lists; a test compares them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# As a field at any depth, and as a parameter of a URL.
DENIED = _names("""
    password passwd pwd passphrase passwordconfirmation pin secret token auth authorization bearer
    credential credentials apikey session sessionid sid phpsessid jsessionid cookie cookies setcookie csrf xsrf
    jwt otp totp
    email mail emailaddress phone phonenumber tel telephone mobilephone mobilenumber cellphone fax
    ssn socialsecuritynumber taxid passport passportnumber nationalid
    iban accountnumber bankaccount card cardnumber creditcard creditcardnumber ccnumber pan cvv cvv2 cvc csc
    securitycode
""")
# The end of such a name: resetToken, client_secret, x-api-key.
DENIED_ENDINGS = ("password", "passwd", "secret", "token", "apikey")
# As a parameter only. As fields they are traits of the Segment Spec, or too common a word: a coupon has a code.
DENIED_PARAMETERS = _names("""
    code codeverifier oauthverifier samlrequest samlresponse assertion clientassertion signature sig hmac xamzsignature
    xamzcredential firstname lastname fullname surname username login birthday birthdate dob dateofbirth address street
""")
# In an anonymous event these go too, as fields and as parameters: whose event it is, and where that person lives …
IDENTIFYING = _names("""
    userid anonymousid previousid groupid visitorid customerid clientid deviceid memberid subscriberid contactid leadid
    accountid profileid externalid externalids distinctid crmid uid guid installid installationid
    advertisingid idfa idfv gaid aaid adid androidid imei serialnumber macaddress
    fingerprint fingerprintid visitorfingerprint devicefingerprint browserfingerprint canvasfingerprint
    traits ip ipaddress remoteaddr xforwardedfor clientip userip
    firstname lastname fullname surname username login birthday birthdate dob dateofbirth avatar
    address street postalcode zip zipcode postcode latitude longitude lat lng lon
""")
# … and what an advertiser or a mailing put into the link that was clicked.
CLICK_IDS = _names("""
    gclid dclid gbraid wbraid gl ga fbclid fbp fbc msclkid ttclid twclid lifatid igshid igsh yclid
    ysclid rdtcid sccid scid epik irclickid clickid cjevent zanpid tblci obclickid mceid mkttok veroid
    hsenc hssc hstc hsctatracking olyencid olyanonid wickedid skwcid mlsubscriber mlsubscriberhash btid urid
""")

_MASKS = re.compile(r"\[(?:e-mail|card|token)\]")
_NOT_PLAIN = re.compile(r"[^a-z0-9]+")


def plain(name: str) -> str:
    """A name as it is compared: user[e-mail] and user.E_Mail are email."""
    if "%" in name:
        name = unquote(name)
    if "[" in name:
        name = _MASKS.sub("", name)  # what was masked names nothing any more
    name = name.rstrip("[].: ")
    last = max(name.rfind("["), name.rfind("."), name.rfind(":")) + 1
    return _NOT_PLAIN.sub("", name[last:].lower())


@lru_cache(maxsize=64)
def denied_names(more: frozenset[str], anonymous: bool) -> tuple[frozenset[str], frozenset[str]]:
    """The plain names of denied fields and of denied parameters, for a site that denies more of them."""
    fields = DENIED.union(map(plain, more))
    if anonymous:
        fields |= IDENTIFYING | CLICK_IDS
    return fields, fields | DENIED_PARAMETERS


def is_denied(name: str, names: frozenset[str]) -> bool:
    """Whether a field or parameter of this name is not kept."""
    name = plain(name)
    return name in names or name.endswith(DENIED_ENDINGS)
