"""Draw the people of the demo shop: a random number in, a plausible shopper out.

Addresses end in .example (RFC 2606) and numbers are of ranges kept for fiction, so a message that
is sent to them by mistake reaches no real person.
"""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import NamedTuple

AREAS = (
    201, 206, 212, 213, 303, 305, 312, 313, 314, 404, 408, 412, 415, 416, 503, 504, 512, 514, 602,
    604, 612, 614, 615, 617, 619, 646, 702, 713, 718, 720, 801, 808, 816, 858, 901, 917, 919, 972,
)  # fmt: skip
LINES = 10_000  # of 555 in each area: North America gives none of them to anybody
MAILBOXES = ("inbox.example", "mail.example", "post.example", "letters.example", "studio.example")


class Country(NamedTuple):
    """Where people come from, and how they are called there; names as (written, in an address)."""

    code: str
    locale: str
    timezone: str
    share: int
    first: tuple[tuple[str, str], ...]
    last: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Townsman:
    """A person as a store's webhooks describe them. A field that no webhook carries is None."""

    number: int
    at: datetime
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    country: str | None = None
    timezone: str | None = None
    customer_id: int | None = None
    browser: str | None = None
    name: int = 0  # the drawn name; `address` makes the email of it again
    by_form: bool = False
    properties: dict[str, str] = field(default_factory=dict)


def _plain(names: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, name.lower().replace(" ", "").replace("'", "")) for name in names.split(",")
    )


def _spelt(names: str) -> tuple[tuple[str, str], ...]:
    pairs = (pair.partition("=") for pair in names.split(","))
    return tuple((written, latin) for written, _, latin in pairs)


ENGLISH = _plain(
    "Mina,Leo,Noor,Ines,Hugo,Omar,Ida,Tom,Eva,Ava,Emma,Olivia,Liam,Noah,Amara,Zoe,Grace,Ruby,Isla,"
    "Chloe,Maya,Nina,Iris,Jade,Nora,Alice,Anna,Amy,Abby,Aaron,Adam,Alex,Beth,Bella,Caleb,Carla,"
    "Daisy,Dylan,Ella,Ethan,Faith,Finn,Gia,Hannah,Henry,Ivy,Jack,James,Kate,Lily,Lucas,Mason,Mia,"
    "Naomi,Oscar,Piper,Quinn,Rosa,Sam,Tara,Uma,Vera,Willa,Xena,Yara,Zara"
)
FAMILIES = _plain(
    "Okafor,Brandt,Haddad,Costa,Weber,Silva,Moreau,Reed,Smith,Jones,Brown,Taylor,Khan,Patel,Lee,"
    "Walker,Hall,Young,King,Wright,Scott,Green,Baker,Adams,Nelson,Carter,Mitchell,Perez,Roberts,"
    "Turner,Phillips,Campbell,Parker,Evans,Edwards,Collins,Stewart,Morris,Rogers,Murphy,Cook,"
    "Rivera,Cooper,Reyes,Bailey,Bell,Gomez,Kelly,Howard,Ward,Cox,Diaz,Gray,James,Bennett,Wood,"
    "Brooks,Watson,Kim,Price,O'Neill,Byrne,Abara,Nwosu,Ito,Novak,Larsen,Vance,Quill"
)
COUNTRIES = (
    Country("US", "en-US", "America/New_York", 40, ENGLISH, FAMILIES),
    Country("CA", "en-CA", "America/Toronto", 7, ENGLISH, FAMILIES),
    Country("GB", "en-GB", "Europe/London", 13, ENGLISH, FAMILIES),
    Country(
        "DE", "de", "Europe/Berlin", 11,
        _spelt("Lena=lena,Jürgen=juergen,Käthe=kaethe,Mia=mia,Jonas=jonas,Lukas=lukas,Anke=anke,"
               "Björn=bjoern,Greta=greta,Heike=heike,Sören=soeren,Anja=anja,Paul=paul,Ute=ute"),
        _spelt("Müller=mueller,Schäfer=schaefer,Weiß=weiss,Schmidt=schmidt,Fischer=fischer,"
               "Krüger=krueger,Vogel=vogel,Böhm=boehm,Lang=lang,Köhler=koehler,Roth=roth"),
    ),
    Country(
        "FR", "fr", "Europe/Paris", 8,
        _spelt("Élodie=elodie,Zoé=zoe,Hélène=helene,Luc=luc,Chloé=chloe,Manon=manon,Rémi=remi,"
               "Inès=ines,Jules=jules,Aurélie=aurelie,Noé=noe,Camille=camille,Théo=theo"),
        _spelt("Moreau=moreau,Lefèvre=lefevre,Dupont=dupont,Girard=girard,Bélanger=belanger,"
               "Marchand=marchand,Noël=noel,Petit=petit,Rousseau=rousseau,Blanc=blanc"),
    ),
    Country(
        "CN", "zh-CN", "Asia/Shanghai", 12,
        _spelt("伟=wei,芳=fang,娜=na,秀英=xiuying,敏=min,静=jing,丽=li,强=qiang,磊=lei,洋=yang,"
               "艳=yan,勇=yong,军=jun,杰=jie,娟=juan,涛=tao,明=ming,霞=xia,雨桐=yutong,子涵=zihan"),
        _spelt("王=wang,李=li,张=zhang,刘=liu,陈=chen,杨=yang,赵=zhao,黄=huang,周=zhou,吴=wu,"
               "徐=xu,孙=sun,胡=hu,朱=zhu,高=gao,林=lin,何=he,郭=guo,欧阳=ouyang,司马=sima"),
    ),
    Country(
        "JP", "ja", "Asia/Tokyo", 5,
        _spelt("愛子=aiko,さくら=sakura,健=ken,陽菜=hina,翔太=shota,結衣=yui,美咲=misaki,蓮=ren"),
        _spelt("佐藤=sato,鈴木=suzuki,高橋=takahashi,田中=tanaka,伊藤=ito,渡辺=watanabe,山本=yamamoto"),
    ),
    Country(
        "KR", "ko", "Asia/Seoul", 4,
        _spelt("서연=seoyeon,민준=minjun,지우=jiwoo,하은=haeun,도윤=doyun,수아=sua,예준=yejun"),
        _spelt("김=kim,이=lee,박=park,최=choi,정=jung,강=kang,조=cho,윤=yoon"),
    ),
)  # fmt: skip
PLACES = [country for country in COUNTRIES for _ in range(country.share)]
SKINS = ("dry", "oily", "combination", "sensitive")


def somebody(number: int, at: datetime, chance: Random) -> Townsman:
    """Who the town's `number`th shopper is: of ten one only looks, two or three signed up by a
    form, the others are customers.
    """
    kind = chance.random()
    browser = f"{chance.getrandbits(64):016x}" if kind < 0.1 or chance.random() < 0.6 else None
    if kind < 0.1:
        return Townsman(number, at, browser=browser)
    name = chance.getrandbits(32)
    home, first, last = _called(name)
    found = Townsman(
        number, at, address(number, name), None, first[0], last[0], home.locale, home.code,
        home.timezone, browser=browser, name=name,
    )  # fmt: skip
    if kind < 0.35:
        found.by_form = True
        found.properties = {"skin": SKINS[int(chance.random() * len(SKINS))]}
        found.last_name = last[0] if chance.random() < 0.3 else None
        return found
    found.customer_id = 71_000_000_000_000 + number * 13
    if home.code in ("US", "CA") and number < len(AREAS) * LINES and chance.random() < 0.7:
        area = AREAS[number % len(AREAS)]
        found.phone = f"+1{area}555{number // len(AREAS):04}"
    return found


def address(number: int, name: int) -> str:
    """Return the email address that belongs to a drawn name."""
    _, first, last = _called(name)
    return f"{first[1]}.{last[1]}{number}@{MAILBOXES[name % len(MAILBOXES)]}"


def _called(name: int) -> tuple[Country, tuple[str, str], tuple[str, str]]:
    """What 32 bits of chance come to: a country, and a first and a last name there."""
    home = PLACES[(name >> 24) * len(PLACES) >> 8]
    first = home.first[(name >> 12 & 4095) * len(home.first) >> 12]
    return home, first, home.last[(name & 4095) * len(home.last) >> 12]
