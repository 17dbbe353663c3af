"""Folding of titles, names and abstracts into forms that can be compared."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_TEX_DRESS = re.compile(
    r"\\(?:text\w*|math\w*|operatorname|emph|mbox|bf|it|rm|tt|sc|sf|em|cal|displaystyle|left|right)"
    r"(?![a-zA-Z])"
)
_TEX_ACCENT = re.compile(r"""\\["'`^~=.](?![a-zA-Z]{2})|\\[uvhtcdbkr](?=\{| [a-z](?![a-z]))""")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_NOT_ALNUM = re.compile(r"[^a-z0-9]+")
_NOT_WORD = re.compile(r"[\W_]+")
_SPACES = re.compile(r"\s+")
_PLUSES = re.compile(r"(?<=\w)\++(?!\w)")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060\ufeff\ud800-\udfff]"
)

# Signs that one source writes as a sign and another as the name of its TeX command.
_SIGNS = {
    "·": "cdot", "⋅": "cdot", "×": "times", "∞": "infty", "≤": "leq", "≥": "geq", "→": "to",
    "±": "pm", "∈": "in", "≈": "approx", "√": "sqrt", "∂": "partial", "∇": "nabla", "ß": "ss",
    "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i",
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ϵ": "epsilon",
    "ζ": "zeta", "η": "eta", "θ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu",
    "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ϕ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega",
}  # fmt: skip
_SIGN_TABLE = str.maketrans(_SIGNS)
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md"})
# What stands where nobody is named: under review, or after the first few.
_NOBODY = frozenset({"anonymous", "author", "authors", "unknown", "al", "others"})
_GROUPS = frozenset({"collaboration", "consortium", "team", "group"})


def clean(text: str) -> str:
    """Return `text` on one line: no control or direction characters, single spaces."""
    # Whatever has to go is unprintable to `str`, and most texts have nothing of that.
    if "  " not in text and text.isprintable():
        return text.strip()
    line = " ".join(text.split())
    return line if line.isprintable() else _SPACES.sub(" ", _CONTROL.sub(" ", text)).strip()


def fold(text: str) -> str:
    """Return `text` without accents and case, with Greek letters and signs spelled out."""
    if text.isascii():
        return text.lower()
    # Most of a text is ASCII, also where some of it is not.
    return _NOT_ASCII.sub(lambda run: _folded(run[0]), text.lower())


@lru_cache(maxsize=10_000)
def _folded(run: str) -> str:
    folded = unicodedata.normalize("NFKD", run).casefold().translate(_SIGN_TABLE)
    return "".join(c for c in folded if not unicodedata.combining(c))


# The letter first: so it is looked for where letters are Greek, not everywhere.
_LONE_GREEK = re.compile(r"[\u0391-\u03c9](?<![\u0370-\u03ff].)(?![\u0370-\u03ff])")


def spelled(text: str) -> str:
    """Return `text` with ligatures, mathematical and full-width letters as plain ones (NFKC).

    A Greek letter that stands for itself is spelled out as a word: `β-catenin` as `beta-catenin`.
    """
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", text).replace("ϵ", "ε")
    return _LONE_GREEK.sub(lambda m: f" {_SIGNS.get(m[0].lower(), m[0])} ", plain)


@lru_cache(maxsize=4_000)
def title_key(title: str) -> str:
    r"""Return what is left of a title when TeX, accents, case, spaces and punctuation are gone.

    `HyperZ$\cdot$Z`, `HyperZ·Z` and `HyperZcdotZ` have one key. A title in a script without
    Latin letters keeps its own letters. The empty string means that nothing is left.
    """
    for _ in range(4):
        if "\\" not in title or (plain := readable(title)) == title:
            break
        title = plain
    if not title.isascii():
        title = title.replace("ℓ", "ell")
    folded = fold(title)
    if "\\" in folded:
        folded = _TEX_ACCENT.sub("", _TEX_DRESS.sub(" ", folded))
    if folded.isascii():
        return _NOT_ALNUM.sub("", folded)
    return _NOT_WORD.sub("", folded)


def pluses(title: str) -> str:
    """Return the pluses that words of a title end in: `Tides++` is not the paper `Tides`."""
    return " ".join(_PLUSES.findall(title)) if "+" in title else ""


def surname(author: str) -> str:
    """Return the folded surname of `Ada B. Lovelace`, `Lovelace, Ada` or `A. van der Berg Jr.`.

    Of `Narayanan P J` it is the name, not an initial; of a collaboration it is the whole name, and
    of `Anonymous` the empty string.
    """
    if "\\" in author:
        author = readable(author)
    head, comma, given = author.partition(",")
    words = _name_words(head if comma else author)
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    if not words or words[-1] in _NOBODY:
        return ""
    if words[-1] in _GROUPS:
        return "".join(w for w in words if w != "the")
    named = [w for w in (*_name_words(given), *words) if not _is_initial(w)]
    return words[-1] if not named or not _is_initial(words[-1]) else named[-1]


def _name_words(name: str) -> list[str]:
    """Return the folded words of a name that have letters."""
    return [w for part in re.split(r"[\s.]+", fold(name)) if (w := _NOT_WORD.sub("", part))]


def _is_initial(word: str) -> bool:
    return len(word) == 1 and word.isascii()


def surnames(authors: tuple[str, ...]) -> frozenset[str]:
    """Return the folded surnames of `authors`, empty ones left out."""
    return frozenset(filter(None, map(surname, authors)))


def shingles(text: str, width: int = 3) -> frozenset[str]:
    """Return the runs of `width` folded words in `text`; the whole text if it is shorter."""
    words = _NOT_WORD.sub(" ", fold(text)).split()
    if len(words) <= width:
        return frozenset({" ".join(words)}) if words else frozenset()
    return frozenset(" ".join(words[i : i + width]) for i in range(len(words) - width + 1))


def overlap(one: str, other: str) -> float:
    """Return the share (0 to 1) of the shorter text's three-word runs that the other has too."""
    a, b = shingles(one), shingles(other)
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0


# ---------------------------------------------------------------------------- TeX, for reading

_ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304",
    ".": "\u0307", "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327",
    "d": "\u0323", "b": "\u0331", "k": "\u0328", "r": "\u030a",
    "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303", "widetilde": "\u0303",
    "bar": "\u0304", "overline": "\u0304", "vec": "\u20d7", "dot": "\u0307", "ddot": "\u0308",
}  # fmt: skip
_LETTERS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å", "AA": "Å", "o": "ø",
    "O": "Ø", "l": "ł", "L": "Ł", "i": "ı", "j": "ȷ", "dh": "ð", "DH": "Ð", "th": "þ", "TH": "Þ",
    "dj": "đ", "DJ": "Đ", "ng": "ŋ", "NG": "Ŋ",
}  # fmt: skip
_SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "vartheta": "θ", "iota": "ι", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "varrho": "ρ",
    "sigma": "σ", "varsigma": "ς", "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ",
    "Omega": "Ω", "ell": "ℓ", "hbar": "ħ", "infty": "∞", "partial": "∂", "nabla": "∇",
    "times": "×", "cdot": "·", "cdots": "⋯", "ldots": "…", "dots": "…", "pm": "±", "mp": "∓",
    "sim": "∼", "simeq": "≃", "approx": "≈", "cong": "≅", "equiv": "≡", "propto": "∝",
    "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "neq": "≠", "ne": "≠", "ll": "≪", "gg": "≫",
    "lesssim": "≲", "gtrsim": "≳", "to": "→", "rightarrow": "→", "leftarrow": "←",
    "leftrightarrow": "↔", "Rightarrow": "⇒", "mapsto": "↦", "in": "∈", "notin": "∉",
    "subset": "⊂", "subseteq": "⊆", "cup": "∪", "cap": "∩", "setminus": "∖", "emptyset": "∅",
    "forall": "∀", "exists": "∃", "oplus": "⊕", "otimes": "⊗", "odot": "⊙", "star": "⋆",
    "ast": "∗", "bullet": "•", "circ": "°", "degree": "°", "deg": "°", "prime": "′",
    "dagger": "†", "perp": "⊥", "parallel": "∥", "mid": "|", "vert": "|", "Vert": "‖",
    "langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉",
    "oslash": "⊘", "nrightarrow": "↛", "sum": "∑", "prod": "∏", "int": "∫",
    "angle": "∠", "triangle": "△", "square": "□",
    "sharp": "♯", "flat": "♭", "colon": ":", "backslash": "∖", "quad": " ", "qquad": " ",
    "LaTeX": "LaTeX", "TeX": "TeX", "textregistered": "®", "texttrademark": "™",
    "textdegree": "°", "textasciitilde": "~", "textquotesingle": "'", "textendash": "–",
    "textemdash": "—", "textbackslash": "∖", "textmu": "μ", "copyright": "©",
}  # fmt: skip
_FUNCTIONS = (
    "arg|cos|cosh|cot|det|dim|exp|gcd|hom|inf|ker|lg|lim|ln|log|max|min|mod|Pr|sec|sin|sinh|sup"
    "|tan|tanh"
)
_RAISED = dict(zip(
    "0123456789+-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθφχ′°∗*⋆†",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵠᵡ′°**⋆†",
    strict=True,
))  # fmt: skip
_LOWERED = dict(zip(
    "0123456789+-=()aehijklmnoprstuvxβγρφχ⊙⋆∗*",
    "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ⊙⋆**",
    strict=True,
))  # fmt: skip
_STRUCK = dict(zip("CEHNPQRZ", "ℂ𝔼ℍℕℙℚℝℤ", strict=True))

_FONTS = (
    r"(?:text(?:bf|it|tt|sc|sf|rm|sl|up|md|normal|superscript|subscript)?"
    r"|math(?:bf|it|tt|sf|rm|cal|scr|frak|bb|normal|bm)?|operatorname\*?|boldsymbol|bm|bold|emph"
    r"|underline|uline|mbox|hbox|ensuremath|uppercase|pmb)"
)
_SWITCHES = (
    r"(?:bf|it|rm|tt|sc|sf|sl|em|cal|bfseries|itshape|scshape|ttfamily|sffamily|displaystyle"
    r"|tiny|scriptsize|footnotesize|small|normalsize|large|Large|LARGE|huge|Huge)"
)
_INNER = r"((?:[^{}]|\{[^{}]*\})*)"
_WORN = re.compile(rf"\\{_FONTS}\s*\{{{_INNER}\}}")
_SWITCHED = re.compile(rf"\{{\s*\\{_SWITCHES}(?![a-zA-Z])\s*{_INNER}\}}")
_NO_FONT = re.compile(
    rf"\\(?:{_FONTS}|{_SWITCHES}|left|right|[bB]ig[glr]?|limits|nolimits)(?![a-zA-Z]) ?"
)
_ACCENTED = re.compile(
    r"""\\(?:(["'`^~=.])\s*|([uvHcdbkr])(?:\s+|(?=\{))|(hat|widehat|tilde|widetilde|bar|overline"""
    r"""|vec|ddot|dot)(?![a-zA-Z])\s*)(?:\{\s*(\\[ij]|[^\W\d_])\s*\}"""
    r"""|(\\[ij](?![a-zA-Z])|[^\W\d_]))"""
)
_LETTER = re.compile(
    rf"\\({'|'.join(sorted(_LETTERS, key=len, reverse=True))})(?![a-zA-Z])(\{{\}}|\s+(?=[a-z]))?"
)
_SYMBOL = re.compile(
    rf"\\(?:({'|'.join(sorted(_SYMBOLS, key=len, reverse=True))})|({_FUNCTIONS}))"
    r"(?![a-zA-Z])(?:\{\})?"
)
_CODE_POINT = re.compile(r"\\unicode\{x([0-9a-fA-F]{2,5})\}")
_HREF = re.compile(r"\\href\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_URL = re.compile(r"\\(?:url|path)\s*\{([^{}]*)\}")
_DEGREE = re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![a-zA-Z]))")
_SPACED = re.compile(r"\\(?:[,;: ]|\\(?![a-zA-Z]))")
_JOINED = re.compile(r"\\[!/-]")
_ESCAPED = re.compile(r"\\([%&#_$])")
# What a command that stays is given stays with it.
_BRACED = re.compile(r"(\\[a-zA-Z]+\*?(?:\{[^{}]*\})*|[_^]\{[^{}]*\})|\{([^\W\d_][\w-]*)\}")
_MATH = re.compile(r"\$(?P<twice>\$?)(?!\$)((?:[^$\\]++|\\.)++)\$(?P=twice)", re.DOTALL)
# Between five dollars and ten there is no math.
_MONEY = re.compile(
    r"\d[\d.,]*\s?[kKMB]?\s*(?:[-–,;()]*\s*\Z(?<=[-–,;( ])|[,);:]?\s+(?:and|or|to|for|in|on|of"
    r"|per|is|was|an?|each|with|from|vs|worth|more|less|USD|million|billion|trillion|budget)\b)"
)
_WORDS = re.compile(r"(?<![\\{a-zA-Z])[a-zA-Z]{2,},? [a-zA-Z-]{2,},? [a-zA-Z]{2,}")
_MATHY = re.compile(r"[\\^_=<>|±×∼≈≤≥∈\u0370-\u03ff]")
_SCRIPT = re.compile(r"([\^_])\s*(?:\{([^{}]*)\}|(\S))")
_LOOSE_SCRIPT = re.compile(r"(?<=[\w)\]}])([\^_])\{([^{}\\]{1,12})\}")
_ROOT = re.compile(r"\\sqrt\s*(?:\{(\w)\}|(\w)(?!\w))")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([\w.]+)\}\s*\{([\w.]+)\}")
_DOUBLE = re.compile(r"\\mathbb\s*(?:\{([A-Z])\}|([A-Z]))")
_NESTED = re.compile(r"\{\s*\{([^{}]*)\}\s*\}")
_GROUP = re.compile(r"\{([^{}]*)\}")
_UNSAID = re.compile(r"[\\^_{}$]")
_PLACE, _OPEN, _CLOSE = "\x00", "\x01", "\x02"


def readable(text: str) -> str:
    r"""Return `text` with TeX said in Unicode: `Andr\'e` as `André`, `$\Gamma$` as `Γ`.

    Math that Unicode cannot say, and commands that only their authors know, stay as they are.
    The folded title (`title_key`) is the same before and after.
    """
    if "\\" not in text and "$" not in text and "{" not in text and "``" not in text:
        return text
    text = text.replace(_PLACE, " ").replace(r"\(", "$").replace(r"\)", "$")
    prose, kept = _without_math(text)
    prose = _prose(prose)
    for math in kept:
        prose = prose.replace(_PLACE, math, 1)
    return prose.strip() or text


def _without_math(text: str) -> tuple[str, list[str]]:
    """Return `text` with its math said, and what cannot be said, which has left a `_PLACE`."""
    pieces: list[str] = []
    kept: list[str] = []
    done = 0
    place = text.find("$")
    while place >= 0:
        found = _MATH.match(text, place)
        if not found or text[place - 1 : place] == "\\" or not _is_math(found[2]):
            place = text.find("$", place + 1)
            continue
        math = _math(found[2])
        if math is None:
            kept.append(found[0])
        pieces += (text[done:place], _PLACE if math is None else math)
        done = found.end()
        place = text.find("$", done)
    return "".join((*pieces, text[done:])), kept


def _is_math(inner: str) -> bool:
    """Return whether what stands between two dollars is math, and not words between two sums."""
    if inner.isalnum():
        return True
    if (inner[0].isdigit() and _MONEY.match(inner)) or (" " in inner and _WORDS.search(inner)):
        return False
    return inner.strip() == inner or _MATHY.search(inner) is not None


def _prose(text: str) -> str:
    """Return text outside math with its accents, letters, fonts and escapes resolved."""
    if "\\" in text:
        text = _SYMBOL.sub(_symbol, _DEGREE.sub("°", text))
        text = _without_fonts(_accents(text), r"\1")
        text = _URL.sub(r"\1", _HREF.sub(r"\2 (\1)", text))
        text = _JOINED.sub("", _SPACED.sub(" ", text))
    if "{" in text:
        text = _BRACED.sub(lambda m: m[1] or m[2], _LOOSE_SCRIPT.sub(_loose_script, text))
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", text)
    if "``" in text:
        text = text.replace("``", "“").replace("''", "”")
    return _SPACES.sub(" ", text) if "  " in text else text


def _math(inner: str) -> str | None:
    """Return what stands between dollars in Unicode, or None if it cannot be said so."""
    if inner.isalnum():
        return inner
    text = inner
    if "\\" in text:
        text = text.replace("\\{", _OPEN).replace("\\}", _CLOSE)
        text = _SYMBOL.sub(_symbol, _DOUBLE.sub(_struck, text))
        text = _NO_FONT.sub("", _without_fonts(_accents(text), r"{\1}"))
        text = _FRACTION.sub(r"\1/\2", _ROOT.sub(lambda m: "√" + (m[1] or m[2]), text))
        text = _ESCAPED.sub(r"\1", _JOINED.sub("", _SPACED.sub(" ", text)))
    text = _repeated(_NESTED, r"{\1}", text.replace("~", " "))
    if "^" in text or "_" in text:
        try:
            text = _SCRIPT.sub(_script, text)
        except KeyError:
            return None
    text = _repeated(_GROUP, r"\1", text)
    if _UNSAID.search(text):
        return None
    return text.replace("'", "′").replace(_OPEN, "{").replace(_CLOSE, "}")


def _repeated(pattern: re.Pattern[str], by: str, text: str) -> str:
    """Return `text` after replacing until nothing is left to replace: braces stand in braces."""
    while "{" in text and (plain := pattern.sub(by, text)) != text:
        text = plain
    return text


def _without_fonts(text: str, by: str) -> str:
    """Return `text` without commands that only say how letters look."""
    if "{" not in text:
        return text
    return _repeated(_SWITCHED, by, _repeated(_WORN, by, text))


def _accents(text: str) -> str:
    text = _ACCENTED.sub(_accent, _CODE_POINT.sub(_character, text))
    return _LETTER.sub(_letter, text)


def _accent(found: re.Match[str]) -> str:
    letter = (found[4] or found[5]).removeprefix("\\")
    name = found[1] or found[2] or found[3]
    return unicodedata.normalize("NFC", letter + _ACCENTS[name])


def _letter(found: re.Match[str]) -> str:
    r"""Return a letter that TeX names; `S\o ren` is one word, `5 \AA wide` is two."""
    before = found.string[found.start() - 1 : found.start()]
    is_inside = before.isalpha() or found[1] in {"L", "O"}
    space = "" if is_inside or found[2] in {None, "{}"} else " "
    return _LETTERS[found[1]] + space


def _character(found: re.Match[str]) -> str:
    letter = chr(int(found[1], 16))
    return letter if letter.isprintable() else found[0]


def _symbol(found: re.Match[str]) -> str:
    return _SYMBOLS[found[1]] if found[1] else found[2]


def _struck(found: re.Match[str]) -> str:
    letter = found[1] or found[2]
    return _STRUCK.get(letter, letter)


def _script(found: re.Match[str]) -> str:
    table = _RAISED if found[1] == "^" else _LOWERED
    return "".join(table[c] for c in found[3] or found[2] if c != " ")


def _loose_script(found: re.Match[str]) -> str:
    table = _RAISED if found[1] == "^" else _LOWERED
    return "".join(table[c] for c in found[2]) if table.keys() >= set(found[2]) else found[0]
