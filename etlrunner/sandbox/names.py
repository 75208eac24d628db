"""Names that no one bears: visibly invented, with the letters, marks and lengths of real rosters."""

from __future__ import annotations

GIVEN = (
    "Ada", "Bo", "Cleo", "Dario", "Edda", "Finn", "Gia", "Hugo", "Iris", "Jules", "Kai", "Lena",
    "Milo", "Nora", "Otis", "Pia", "Quinn", "Remy", "Suri", "Theo", "Uma", "Vito", "Wren", "Xena",
    "Yara", "Zeno", "Alba", "Bruno", "Calla", "Dov", "Elio", "Faye", "Goran", "Hedy", "Ivo", "Juno",
    "Kira", "Lars", "Mina", "Nico", "Orla", "Paz", "Rhea", "Silas", "Tova", "Ugo", "Vera", "Willa",
)  # fmt: skip

GIVEN_RARE = (
    "Zoë", "Renée", "José", "Søren", "Łucja", "Şule", "Nguyên", "Zdeněk", "Maëlle", "Iñaki",
    "D'Sample", "Mary-Example", "Jean-Probe", "Ana María", "Ki'ana", "Test Middle Double",
    "サンプル", "示例", "예시", "Проба", "Δοκιμή", "דוגמה", "مثال", "उदाहरण",
    "Extraordinarily-Long-Given-Name-Of-A-Pupil-Who-Exists-Nowhere",
)  # fmt: skip

_STEMS = (
    "Sample", "Mock", "Proto", "Nemo", "Dummy", "Pretend", "Figment", "Fable", "Muster", "Probe",
    "Specimen", "Placeholder", "Nonesuch", "Madeup", "Whatsit", "Somewhat",
)  # fmt: skip
_ENDS = ("ton", "well", "ham", "ford", "son", "ley", "worth", "by", "field", "wick", "man", "stead")

FAMILY = tuple(stem + end for stem in _STEMS for end in _ENDS)

FAMILY_RARE = (
    "O'Sample", "D'Exemple", "Mac an tSampla", "von Muster", "de la Prueba", "García-Ficticio",
    "Beispiel-Mustermann", "Fictício", "Exempelström", "Przykładowska", "Örnekoğlu", "Ukázková",
    "Minták", "Þóroddsdæmi", "Nǃxamplé", "Sampleton-Mockingham-Pretendfield-Nonesuchworth",
    "Sampleton Jr.", "見本", "样本", "견본", "Примерова", "Παραδείγματος", "לדוגמה", "النموذج",
)  # fmt: skip

SCHOOLS = (
    "Figment", "Muster", "Nonesuch", "Placeholder", "Sampleton", "Fable Creek", "Mockingbird Hill",
    "Pretend Valley", "Whatsit", "Prototype", "Café Lane", "O'Sample", "Specimen Park",
)  # fmt: skip
