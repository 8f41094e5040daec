"""Names of countries, languages, currencies and scripts in ten languages: real text, from the locale data that Babel ships.

The truth is the language in which Unicode's volunteers wrote the name. A name that is the same in two of the languages
("Togo") has no single truth and is left out.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from companion.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

LANGUAGES = ("cs", "de", "en", "es", "fi", "fr", "it", "nl", "pl", "sv")
KINDS = ("territories", "languages", "currencies", "scripts")


def table(languages: tuple[str, ...] = LANGUAGES) -> pd.DataFrame:
    """One row a name, sorted: ``text``, ``language`` (its code), ``thing`` (what is named, the same in every language).

    Source: Unicode CLDR (https://cldr.unicode.org), through https://babel.pocoo.org.
    """
    import pandas as pd
    from babel import Locale, UnknownLocaleError

    spoken, rows = defaultdict(set), set()
    for language in languages:
        try:
            locale = Locale(language)
        except UnknownLocaleError as error:
            raise SettingError(f"Babel knows no language {language!r}") from error
        for kind in KINDS:
            for code, text in getattr(locale, kind).items():
                if 4 <= len(text) <= 60 and any(map(str.isalpha, text)):
                    spoken[text].add(language)
                    rows.add((text, language, f"{kind}/{code}"))
    clear = sorted(row for row in rows if len(spoken[row[0]]) == 1)
    return pd.DataFrame(clear, columns=["text", "language", "thing"])
