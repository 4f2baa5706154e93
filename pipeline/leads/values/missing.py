"""Recognises the words that stand for no value: what spreadsheets, forms and other systems write into empty fields."""

from functools import lru_cache

# Compared without case, spaces and the signs around them: `(Not Set)`, `--None--` and `#N/A` are here by their letters.
WORDS = frozenset(
    """
    n/a n.a n.v #n/a nan nil null none undefined unknown unset notset notavailable notapplicable noneselected nonegiven
    notprovided notspecified unspecified noanswer nodata novalue novalueset
    select pleaseselect selectone pleasechoose choose chooseone pleasespecify selectanoption
    keineangabe k.a unbekannt nichtangegeben bittewählen bitteauswählen auswählen ohneangabe
    inconnu choisir nonrenseigné nonspécifié sélectionner aucun desconocido sindatos noespecificado seleccionar ninguno
    sconosciuto nonspecificato onbekend niet_opgegeven desconhecido
    inf infinity +inf -inf +infinity -infinity
    #ref! #value! #div/0! #name? #null! #num! #error! #nv #wert! #bezug! #zahl! #valeur! #nombre!
    0001-01-01 0001-01-01t00:00:00 0001-01-01t00:00:00z 00010101 1/1/0001 01/01/0001 01.01.0001
    1970-01-01t00:00z 1970-01-01t00:00:00z 1970-01-01t00:00:00.000z 1970-01-01t00:00:00+00:00
    0000-00-00 0000-00-0000:00:00 00/00/0000 00.00.0000
    """.split()
)
# Alone these may be values (a region NA, an abbreviation): signs around them say that they are none.
FRAMED = frozenset({"na", "ka", "empty", "blank", "missing", "any", "keine", "geen", "brak", "tbd", "tba"})
AROUND = " \t\r\n\u00a0-–—_.?()[]<>{}\"'"
LONGEST = 40  # characters


@lru_cache(maxsize=16_384)  # most values repeat
def is_missing(text: str) -> bool:
    """Whether the text says that there is no value."""
    if len(text) > LONGEST:
        return not text.strip()
    bare = text.strip(AROUND)
    if not bare:
        return True
    if bare[0].isdigit() and bare[0] not in "01":
        return False
    word = "".join(bare.casefold().split())
    return word in WORDS or (word in FRAMED and bare != text.strip())
