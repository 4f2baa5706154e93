"""Reads an answer: the words for yes and no of forms, spreadsheets and the languages of the vendors' customers."""

YES = frozenset(
    "true yes y 1 1.0 x on t ja j wahr oui o vrai sí si s verdadero sim verdadeiro vero tak ✓ ✔ checked".split()
)
NO = frozenset("false no n 0 0.0 off f nein falsch non faux falso não nao nee nie ✗ ✘ unchecked".split())
# Of these alone a column of words may be taken for answers; `x` or `s` may be anything else.
PLAIN_YES = frozenset({"true", "yes", "y", "1"})
PLAIN_NO = frozenset({"false", "no", "n", "0"})
LONGEST = 16  # characters


def answer_in(text: str) -> bool | None:
    """The answer; None if the text is none."""
    if len(text) > LONGEST:
        return None
    word = text.strip().casefold()
    return True if word in YES else False if word in NO else None
