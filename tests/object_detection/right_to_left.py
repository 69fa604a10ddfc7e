"""Labels of right-to-left scripts, as data sets have them, in logical order."""

HEBREW = [
    "כלב", "חתול בית", "כלב (גדול)", "מכונית 4x4", "נעל 42", "USB כבל", "«סוס»",
    "10% הנחה", "טלפון iPhone 15 Pro", "5 תפוחים", "צ'יפס", "dog כלב", "dog (כלב)", "[כלב] {חתול}",
    "בית-ספר", "01/02 תאריך", "-5 מעלות", "א<ב",
]  # fmt: skip
ARABIC = [
    "كلب", "قطة", "سيارة", "دراجة هوائية", "لا", "سلام", "إشارة مرور", "الآن", "الأسد", "شيء",
    "هاتف (محمول)", "هاتف iPhone 15", "حافلة ١٢", "حافلة 12", "dog كلب", "«كلب»", "فأر",
    "رادار", "طاولة الطعام", "گربه", "سگ", "پیچ", "چراغ راهنمایی", "ژاکت", "می‌خواهم",
    "خودرو ۱۲۳", "کتاب", "كـلب", "ڤيديو",
]  # fmt: skip
YIDDISH = ["קאַץ"]  # alef and its vowel point are one character
# The font lacks letters of Urdu, and vowel points cannot be placed without the font's tables
NOT_IN_THE_FONT = ["ڈبہ", "کتے", "گاڑی"]
MARKED = ["شَمس", "قِطّة", "שָׁלוֹם", "כֶּלֶב"]
