"""Words of the planted world, in English and Persian: what is sold, by whom, and what people say.

In: nothing. Out: short lists, all of them invented or everyday words.
Never: a name of a real brand, or text of real people.
"""

from __future__ import annotations

Pair = tuple[str, str]

TYPES: dict[str, tuple[Pair, ...]] = {
    "cycling": (
        ("mountain bike", "دوچرخه کوهستان"),
        ("bike helmet", "کلاه دوچرخه‌سواری"),
        ("cycling jersey", "پیراهن دوچرخه‌سواری"),
        ("bike lamp", "چراغ دوچرخه"),
    ),
    "kitchen": (
        ("stew pot", "قابلمه خورشت"),
        ("rice cooker", "پلوپز"),
        ("chef knife", "چاقوی آشپزی"),
        ("spice rack", "جاادویه‌ای"),
    ),
    "gaming": (
        ("game pad", "دسته بازی"),
        ("strategy game", "بازی راهبردی"),
        ("racing game", "بازی مسابقه‌ای"),
        ("gaming chair", "صندلی بازی"),
    ),
    "beauty": (
        ("face cream", "کرم صورت"),
        ("rose water", "گلاب"),
        ("hair serum", "سرم مو"),
        ("hand soap", "صابون دست"),
    ),
    "books": (
        ("novel", "رمان"),
        ("poetry book", "کتاب شعر"),
        ("reading lamp", "چراغ مطالعه"),
        ("history book", "کتاب تاریخ"),
    ),
    "garden": (
        ("seed box", "جعبه بذر"),
        ("watering can", "آب‌پاش"),
        ("rose bush", "بوته گل سرخ"),
        ("garden bench", "نیمکت باغ"),
    ),
    "music": (
        ("long-neck lute", "سه‌تار"),
        ("headphones", "هدفون"),
        ("record player", "گرامافون"),
        ("frame drum", "دف"),
    ),
    "fitness": (
        ("yoga mat", "زیرانداز یوگا"),
        ("dumbbell set", "دمبل"),
        ("running shoe", "کفش دو"),
        ("skipping rope", "طناب ورزشی"),
    ),
    "travel": (
        ("suitcase", "چمدان"),
        ("desert tour", "تور کویر"),
        ("travel pillow", "بالش سفری"),
        ("city guide", "راهنمای شهر"),
    ),
    "family": (
        ("baby stroller", "کالسکه نوزاد"),
        ("puzzle", "پازل"),
        ("doll house", "خانه عروسکی"),
        ("night light", "چراغ خواب"),
    ),
    "photo": (
        ("camera bag", "کیف دوربین"),
        ("tripod", "سه‌پایه"),
        ("photo printer", "چاپگر عکس"),
        ("portrait lens", "لنز پرتره"),
    ),
    "coffee": (
        ("coffee grinder", "آسیاب قهوه"),
        ("espresso pot", "قهوه‌جوش"),
        ("saffron tea", "دمنوش زعفران"),
        ("glass cup", "استکان"),
    ),
}
"""The things of each category; one category for each community, in this order."""

DRIVEN = "campus"
"""The category of the products that a conjunction of attributes drives, not taste."""

DRIVEN_TYPES: tuple[Pair, ...] = (
    ("study planner", "دفتر برنامه‌ریزی"),
    ("shared flat finder", "همخانه‌یاب"),
    ("exam course", "دوره آزمون"),
    ("monthly bus pass", "بلیت ماهانه"),
)

TAGS: dict[str, tuple[str, ...]] = {
    "cycling": ("outdoor", "two-wheels", "speed", "دوچرخه"),
    "kitchen": ("cooking", "home", "recipes", "آشپزی"),
    "gaming": ("esports", "console", "fun", "بازی"),
    "beauty": ("skin", "care", "natural", "زیبایی"),
    "books": ("reading", "culture", "quiet", "کتاب"),
    "garden": ("plants", "green", "balcony", "باغبانی"),
    "music": ("sound", "tradition", "concert", "موسیقی"),
    "fitness": ("health", "training", "strength", "ورزش"),
    "travel": ("holiday", "road", "discover", "سفر"),
    "family": ("children", "toys", "safe", "خانواده"),
    "photo": ("camera", "portrait", "studio", "عکاسی"),
    "coffee": ("drinks", "morning", "roast", "قهوه"),
    DRIVEN: ("study", "budget", "city-life", "دانشجو"),
}

BRANDS: tuple[Pair, ...] = (
    ("Arvenda", "آروندا"),
    ("Belarin", "بلارین"),
    ("Caspira", "کاسپیرا"),
    ("Delvano", "دلوانو"),
    ("Elmara", "المارا"),
    ("Farvesh", "فروش‌آرا"),
    ("Golmira", "گل‌میرا"),
    ("Havindo", "هاویندو"),
    ("Irinota", "ایرینوتا"),
    ("Javorin", "جاورین"),
    ("Kavosha", "کاوشا"),
    ("Lumendi", "لومندی"),
    ("Mahrena", "مهرنا"),
    ("Nilavar", "نیلاور"),
    ("Ozhanta", "اوژانتا"),
    ("Parvila", "پرویلا"),
    ("Roshano", "روشانو"),
    ("Sepandi", "سپندی"),
    ("Tavarin", "تاوارین"),
    ("Zarivan", "زریوان"),
)

OCCUPATIONS = (
    "student",
    "engineer",
    "teacher",
    "nurse",
    "artist",
    "trader",
    "farmer",
    "driver",
    "lawyer",
    "retired",
)
REGIONS = (
    "north coast",
    "capital",
    "old city",
    "desert edge",
    "lake land",
    "high plains",
    "river south",
    "islands",
)
GENDERS = ("female", "male")
DEVICES = ("android", "ios", "desktop")

OPENINGS: dict[str, tuple[str, ...]] = {
    "en": ("Bought this last month.", "My honest view:", "After a week of use:", "Short review."),
    "fa": ("ماه پیش خریدمش.", "نظر صادقانه من:", "بعد از یک هفته استفاده:", "خلاصه بگویم."),
}
VERDICTS: dict[str, dict[str, tuple[str, ...]]] = {
    "positive": {
        "en": (
            "I love this {}, it is excellent.",
            "A wonderful {}, worth every coin.",
            "Great quality, best {} I ever had.",
            "I am very happy with the {}.",
        ),
        "fa": (
            "این {} عالی است، عاشقش شدم.",
            "{} فوق‌العاده‌ای است و ارزش خرید دارد.",
            "کیفیتش بی‌نظیر است، بهترین {}.",
            "از این {} خیلی راضی هستم.",
        ),
    },
    "neutral": {
        "en": (
            "The {} is okay, nothing special.",
            "An average {} for the price.",
            "I have not decided about this {} yet.",
            "The {} does what it says.",
        ),
        "fa": (
            "{} معمولی است، چیز خاصی نیست.",
            "با این قیمت {} متوسطی است.",
            "هنوز درباره این {} تصمیم نگرفته‌ام.",
            "این {} همان است که گفته‌اند.",
        ),
    },
    "negative": {
        "en": (
            "I regret buying this {}, it is terrible.",
            "A bad {}, it broke at once.",
            "Poor quality, the worst {} so far.",
            "I am disappointed with the {}.",
        ),
        "fa": (
            "از خرید این {} پشیمانم، افتضاح است.",
            "{} بدی است، زود خراب شد.",
            "کیفیتش پایین است، بدترین {}.",
            "این {} ناامیدم کرد.",
        ),
    },
}
CLOSINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "positive": {
        "en": ("Recommended!", "Five stars.", "I will buy again."),
        "fa": ("پیشنهاد می‌کنم!", "پنج ستاره.", "باز هم می‌خرم."),
    },
    "neutral": {
        "en": ("Three stars.", "We will see.", "It is fine."),
        "fa": ("سه ستاره.", "ببینیم چه می‌شود.", "بد نیست."),
    },
    "negative": {
        "en": ("Do not buy.", "One star.", "I want my money back."),
        "fa": ("نخرید.", "یک ستاره.", "پولم را پس می‌خواهم."),
    },
}


def reviews(sentiment: str, language: str) -> list[str]:
    """All reviews that can be said so; `{}` stands where the thing is named."""
    return [
        f"{opening} {verdict} {closing}"
        for opening in OPENINGS[language]
        for verdict in VERDICTS[sentiment][language]
        for closing in CLOSINGS[sentiment][language]
    ]
