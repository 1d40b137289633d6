r"""Formulas: a small LaTeX-like language, turned into MathML that browsers draw without fonts or scripts.

What it knows (everything else is an :class:`~synthetic.errors.InputError` that names the culprit):

=====================  =====================================================================================
letters and numbers    ``x``, ``12``, ``0.5``; any Unicode letter; Greek as ``\nu``, ``\Delta`` or as itself
scripts                ``x_0``, ``x^{p+1}``, ``f'``, ``\sum_{j=1}^{p}``
fractions, roots       ``\frac{1}{\nu}``, ``\sqrt{d}``, ``\binom{n}{k}``
norms and fences       ``\|x\|``, ``|x|``, ``\langle a, b \rangle``, ``\left( ... \right)`` (stretch)
alphabets              ``\mathcal{O}``, ``\mathbb{E}``, ``\mathbf{x}``, ``\mathrm{d}``, ``\text{words}``
accents                ``\hat``, ``\tilde``, ``\bar``, ``\dot``, ``\overline``
functions              ``\log``, ``\exp``, ``\max``, ``\min``, ``\sup``, ... and ``\operatorname{name}``
layout                 ``\,``, ``\;``, ``\quad``, ``\begin{cases} a & b \\ c & d \end{cases}``, ``pmatrix``
=====================  =====================================================================================

The language is a subset of LaTeX (amsmath, amssymb), so that the same source goes unchanged into a LaTeX table,
and it serves as the plain-text fallback (``alttext``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

from synthetic.errors import InputError

_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon"
_LETTERS = dict(zip((_GREEK + " phi chi psi omega").split(), "αβγδϵζηθικλμνξπρστυϕχψω")) | {
    "varepsilon": "ε", "varphi": "φ", "vartheta": "ϑ", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ",
    "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ",
    "infty": "∞", "partial": "∂", "nabla": "∇", "emptyset": "∅", "top": "⊤", "bot": "⊥", "hbar": "ℏ",
}  # fmt: skip
_OPERATORS = {
    "cdot": "·", "times": "×", "pm": "±", "mp": "∓", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠",
    "neq": "≠", "approx": "≈", "sim": "∼", "simeq": "≃", "equiv": "≡", "propto": "∝", "ll": "≪", "gg": "≫",
    "lesssim": "≲", "gtrsim": "≳", "in": "∈", "notin": "∉", "subset": "⊂", "subseteq": "⊆", "cup": "∪", "cap": "∩",
    "to": "→", "rightarrow": "→", "leftarrow": "←", "Rightarrow": "⇒", "Leftrightarrow": "⇔", "iff": "⇔",
    "mapsto": "↦", "forall": "∀", "exists": "∃", "ldots": "…", "dots": "…", "cdots": "⋯", "circ": "∘",
    "otimes": "⊗", "oplus": "⊕", "odot": "⊙", "succ": "≻", "succeq": "⪰", "prec": "≺", "preceq": "⪯", "mid": "∣",
    "setminus": "∖", "colon": ":", "wedge": "∧", "vee": "∨", "star": "⋆", "ast": "∗", "perp": "⟂", "prime": "′",
}  # fmt: skip
_FENCES = {"|": "‖", "lVert": "‖", "rVert": "‖", "Vert": "‖", "lvert": "|", "rvert": "|", "vert": "|",
           "langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉",
           "{": "{", "}": "}", "lbrace": "{", "rbrace": "}"}  # fmt: skip
_BIG = {"sum": "∑", "prod": "∏", "int": "∫", "bigcup": "⋃", "bigcap": "⋂"}
_LIMITS = {name: name for name in ("max", "min", "sup", "inf", "lim")} | {"limsup": "lim sup", "liminf": "lim inf"}
_FUNCTIONS = {"log", "ln", "exp", "sin", "cos", "tan", "tanh", "arg", "det", "dim", "ker", "Pr", "deg"}
_ACCENTS = {"hat": "^", "widehat": "^", "tilde": "~", "widetilde": "~", "bar": "¯", "overline": "¯", "dot": "˙",
            "ddot": "¨", "vec": "→"}  # fmt: skip
_SPACES = {
    ",": "0.167em",
    ":": "0.222em",
    ";": "0.278em",
    " ": "0.25em",
    "!": "-0.167em",
    "quad": "1em",
    "qquad": "2em",
}
_ALPHABETS = {"mathcal": 0x1D49C, "mathbb": 0x1D538, "mathbf": 0x1D400, "boldsymbol": 0x1D400, "mathfrak": 0x1D504}
# Letters that Unicode had encoded before the mathematical alphabets and left as holes in them.
_HOLES = {"mathcal": dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ")), "mathbb": dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ")),
          "mathfrak": dict(zip("CHIRZ", "ℭℌℑℜℨ"))}  # fmt: skip
_ENVIRONMENTS = {"cases": ("{", ""), "pmatrix": ("(", ")"), "bmatrix": ("[", "]"), "matrix": ("", "")}
_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\d+(?:\.\d+)?|\s+|.", re.DOTALL)


@lru_cache(maxsize=4096)
def to_mathml(source: str, display: bool = False) -> str:
    """``source`` as one ``<math>`` element (a string of markup in which every text is escaped)."""
    body = _Parser(source).parse()
    mode = ' display="block"' if display else ""
    # The attribute is read by programs that do not draw MathML; line breaks in it would only confuse them.
    alt = quoteattr(" ".join(source.split()))
    return f"<math{mode} alttext={alt}>{body}</math>"


def is_formula(source: str) -> bool:
    """Whether ``source`` is in the language of this module."""
    try:
        to_mathml(source)
    except InputError:
        return False
    return True


def readable(source: str) -> str:
    """A formula in plain characters, for terminals and labels: ``\\nu^{p+1}`` as ``ν^{p+1}``."""

    def sign(match: re.Match[str]) -> str:
        name = match[1]
        known = _LETTERS.get(name) or _OPERATORS.get(name) or _FENCES.get(name) or _BIG.get(name)
        if known:
            return known
        return " " if name in _SPACES else name if name in _FUNCTIONS or name in _LIMITS else match[0]

    plain = re.sub(r"\\([A-Za-z]+|.)", sign, source)
    return " ".join(re.sub(r"([_^])\{(\w)\}", r"\1\2", plain).split())


def _mo(text: str, attributes: str = "") -> str:
    return f"<mo{attributes}>{escape(text)}</mo>"


def _row(nodes: list[str]) -> str:
    return nodes[0] if len(nodes) == 1 else f"<mrow>{''.join(nodes)}</mrow>"


def _table(rows: list[list[str]]) -> str:
    lines = ("".join(f"<mtd>{cell}</mtd>" for cell in row) for row in rows)
    return "<mtable>" + "".join(f"<mtr>{line}</mtr>" for line in lines) + "</mtable>"


class _Parser:
    """Recursive descent over the tokens; each method returns finished MathML."""

    def __init__(self, source: str) -> None:
        if not isinstance(source, str) or not source.strip():
            raise InputError("formula", source, "pass a non-empty string such as r'\\nu^p'")
        self.source, self.at = source, 0
        self.tokens = _TOKEN.findall(source)

    def parse(self) -> str:
        nodes = self.row(())
        if self.at < len(self.tokens):
            raise self.error(f"{self.tokens[self.at]!r} closes nothing")
        return _row(nodes)

    def error(self, what: str) -> InputError:
        return InputError("formula", self.source, f"{what}; see the language in reports.mathml")

    def peek(self) -> str:
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def row(self, stops: tuple[str, ...]) -> list[str]:
        nodes: list[str] = []
        while (token := self.peek()) and token not in stops:
            if token in ("}", "&", "\\right", "\\end", "\\\\"):
                raise self.error(f"{token!r} closes nothing")
            nodes.append(self.scripted())
        if not token and stops:
            raise self.error(f"a {stops[0]!r} is missing")
        return nodes

    def argument(self) -> str:
        """One brace group, or one atom as in ``x^2``."""
        if self.peek() == "{":
            self.take()
            nodes = self.row(("}",))
            self.take()
            return _row(nodes)
        return self.atom()

    def words(self) -> str:
        """The raw characters of a brace group (the argument of ``\\text``)."""
        if self.take() != "{":
            raise self.error("a '{' is missing")
        start = self.at
        while self.at < len(self.tokens) and self.tokens[self.at] != "}":
            self.at += 1
        if self.at == len(self.tokens):
            raise self.error("a '}' is missing")
        self.at += 1
        return "".join(self.tokens[start : self.at - 1])

    def scripted(self) -> str:
        head = self.peek()
        name = head.lstrip("\\").rstrip("*")
        base = "<mrow></mrow>" if head in ("_", "^", "'") else self.atom()
        over_under = head.startswith("\\") and (
            (name in _BIG and name != "int") or name in _LIMITS or head == "\\operatorname*"
        )
        below = above = ""
        while (token := self.peek()) in ("_", "^", "'") and token:
            if token == "'":
                primes = 0
                while self.peek() == "'":
                    self.take()
                    primes += 1
                above = _row(([above] if above else []) + [_mo("′" * primes)])
                continue
            self.take()
            if (token == "_" and below) or (token == "^" and above and "′" not in above):
                raise self.error(f"two {token!r} on one symbol")
            if token == "_":
                below = self.argument()
            else:
                above = _row([above, self.argument()] if above else [self.argument()])
        tag = {(1, 1): ("munderover", "msubsup"), (1, 0): ("munder", "msub"), (0, 1): ("mover", "msup")}
        if below or above:
            kind = tag[(int(bool(below)), int(bool(above)))][0 if over_under else 1]
            base = f"<{kind}>{base}{below}{above}</{kind}>"
        # As in LaTeX: a thin space between a function's name and an argument without parenthesis.
        named = head.startswith("\\") and (name in _FUNCTIONS or name in _LIMITS or name == "operatorname")
        if named and self.peek() not in ("", "(", "}", "[", ",", ")", "&", "\\left", "\\right", "\\,", "\\|"):
            base += '<mspace width="0.167em"/>'
        return base

    def atom(self) -> str:
        token = self.take()
        if not token:
            raise self.error("something is missing at the end")
        if token == "{":
            self.at -= 1
            return self.argument()
        if token.startswith("\\"):
            return self.command(token[1:])
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            # Capital Greek and ∇ stand upright in MathML's default as in LaTeX; letters slant by themselves.
            return f"<mi>{escape(token)}</mi>"
        if token in "|‖":
            return _mo(token, ' stretchy="false" lspace="0" rspace="0"')
        if token in "()[]":
            return _mo(token, ' stretchy="false"')
        if token in "_^&}$#%\\~":
            raise self.error(f"{token!r} has no place here")
        return _mo({"-": "−", "*": "∗"}.get(token, token))

    def command(self, name: str) -> str:
        if name in _LETTERS:
            variant = ' mathvariant="normal"' if name in ("infty", "partial", "nabla", "top", "bot") else ""
            return f"<mi{variant}>{_LETTERS[name]}</mi>"
        if name in _OPERATORS:
            return _mo(_OPERATORS[name])
        if name in _FENCES:
            tight = ' lspace="0" rspace="0"' if _FENCES[name] in "|‖" else ""
            return _mo(_FENCES[name], f' stretchy="false"{tight}')
        if name in _BIG:
            return _mo(_BIG[name])
        if name in _LIMITS:
            return _mo(_LIMITS[name], ' movablelimits="true" lspace="0" rspace="0"')
        if name in _FUNCTIONS:
            return f"<mi>{name}</mi>"
        if name in _SPACES:
            return f'<mspace width="{_SPACES[name]}"/>'
        if name in _ACCENTS:
            return f'<mover accent="true">{self.argument()}{_mo(_ACCENTS[name])}</mover>'
        return self.structure(name)

    def structure(self, name: str) -> str:
        """The commands that take arguments apart from accents."""
        if name in ("frac", "tfrac", "dfrac"):
            return f"<mfrac>{self.argument()}{self.argument()}</mfrac>"
        if name == "binom":
            inner = f'<mfrac linethickness="0">{self.argument()}{self.argument()}</mfrac>'
            return f"<mrow>{_mo('(')}{inner}{_mo(')')}</mrow>"
        if name == "sqrt":
            return f"<msqrt>{self.argument()}</msqrt>"
        if name in ("text", "mathrm", "operatorname", "operatorname*"):
            words = self.words()
            if name == "text":
                return f"<mtext>{escape(words).replace(' ', '&#160;')}</mtext>"
            if name == "operatorname*":
                return _mo(words.replace("\\,", " "), ' movablelimits="true" lspace="0" rspace="0"')
            upright = ' mathvariant="normal"' if len(words) == 1 else ""
            return f"<mi{upright}>{escape(words)}</mi>"
        if name in _ALPHABETS:
            return f"<mi>{escape(''.join(_styled(name, letter) for letter in self.words()))}</mi>"
        if name == "left":
            opening = self.fence()
            between = self.row(("\\right",))
            self.take()
            return f"<mrow>{opening}{''.join(between)}{self.fence()}</mrow>"
        if name == "begin":
            return self.environment()
        raise self.error(f"\\{name} is not known")

    def fence(self) -> str:
        token = self.take()
        text = _FENCES.get(token[1:], "") if token.startswith("\\") else token
        if text not in tuple("()[]{}|‖⟨⟩⌊⌋⌈⌉."):
            raise self.error(f"{token!r} is no fence")
        return "" if text == "." else _mo(text, ' stretchy="true"')

    def environment(self) -> str:
        name = self.words()
        if name not in _ENVIRONMENTS:
            raise self.error(f"the environment {name!r} is not known")
        rows: list[list[str]] = [[]]
        while True:
            rows[-1].append(_row(self.row(("\\end", "&", "\\\\"))))
            token = self.take()
            if token == "\\\\":
                rows.append([])
            elif token == "\\end":
                break
        if self.words() != name:
            raise self.error(f"\\begin{{{name}}} and its \\end differ")
        fences = [_mo(side, ' stretchy="true"') if side else "" for side in _ENVIRONMENTS[name]]
        return f"<mrow>{fences[0]}{_table(rows)}{fences[1]}</mrow>"


def _styled(alphabet: str, letter: str) -> str:
    if letter in _HOLES.get(alphabet, {}):
        return _HOLES[alphabet][letter]
    if not (letter.isascii() and letter.isalpha()):
        return letter
    offset = ord(letter) - ord("A") if letter.isupper() else ord(letter) - ord("a") + 26
    return chr(_ALPHABETS[alphabet] + offset)


# The command for each Greek letter that is written as itself (for LaTeX, which wants the command).
GREEK = {sign: name for name, sign in _LETTERS.items() if "α" <= sign <= "ω" or "Γ" <= sign <= "Ω"} | {
    "ϕ": "phi",
    "ϵ": "epsilon",
}
