"""Jinja2's own lexer and parser, taught to say where each node stands.

Jinja2's nodes carry a line only. The parser copies that number from the tokens and never looks at it,
so it is fed tokens whose "line" is their offset in the text: `node.lineno` is then an offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from jinja2 import Environment, nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from etlrunner.expressions import reading_hints
from etlrunner.expressions.spots import Spots

LONGEST = 10_000
"""Characters in an expression."""

STATEMENT = "statements ({% … %}) are not allowed: a column is one expression"

OPENING, CLOSING = frozenset("([{"), frozenset(")]}")

PLAIN = {
    "end of print statement": "}}",
    "end of statement block": "%}",
    "end of comment": "#}",
    "chunk after expression": "this does not belong to the expression before it",
}


@dataclass(frozen=True)
class Token:
    """A token of the text: its offset, Jinja2's name for its kind, and its characters."""

    offset: int
    kind: str
    text: str

    @property
    def end(self) -> int:
        return self.offset + len(self.text)


@dataclass(frozen=True)
class Parsed:
    """A syntax tree with its tokens by offset; a template is a list of parts to be joined."""

    spots: Spots
    parts: tuple[nodes.Node, ...]
    tokens: dict[int, Token]
    template: bool = False


def is_template(text: str) -> bool:
    """Whether a text is a template rather than an expression."""
    return any(mark in text for mark in ("{{", "{%", "{#"))


def parse_expression(spots: Spots) -> Parsed | None:
    """The tree of an expression, or None with a problem noted."""
    return _parse(spots, "variable")


def parse_template(spots: Spots) -> Parsed | None:
    """The tree of a template, or None with a problem noted."""
    return _parse(spots, None)


def conjuncts(parsed: Parsed) -> list[tuple[nodes.Expr, str]]:
    """The parts of an expression's top-level `and`, each with its text, white space evened out."""
    (tree,) = parsed.parts
    groups: list[list[Token]] = [[]]
    depth = 0
    for token in parsed.tokens.values():
        depth += (token.text in OPENING) - (token.text in CLOSING)
        if (
            depth == 0
            and token.kind == "name"
            and token.text == "and"
            and isinstance(tree, nodes.And)
        ):
            groups.append([])
        else:
            groups[-1].append(token)
    return list(zip(_spine(tree, len(groups)), map(_evened, groups), strict=True))


@cache
def environment() -> Environment:
    """The one environment; it parses and never renders."""
    return Environment()  # noqa: S701


def _parse(spots: Spots, state: str | None) -> Parsed | None:
    if len(spots.text) > LONGEST:
        spots.add("E360", f"longer than {LONGEST:,} characters", 0, 1)
        return None
    try:
        parts, tokens, error = _read(spots.text, state)
    except (RecursionError, MemoryError):
        spots.add("E360", "too many brackets inside each other", 0, 1)
        return None
    if error is not None:
        if not _has_statement(spots, tokens):
            _note(spots, tokens, error)
        return None
    if _has_statement(spots, tokens) or _only_a_comment(spots, parts):
        return None
    if _has_lonely_word(spots, parts):
        return None
    return Parsed(spots, parts, tokens, template=state is None)


class _Read(NamedTuple):
    parts: tuple[nodes.Node, ...]
    tokens: dict[int, Token]
    error: TemplateSyntaxError | None = None


@lru_cache(maxsize=1024)
def _read(text: str, state: str | None) -> _Read:
    """What Jinja2 makes of a text; an expression is checked with its flow, and used when the run maps."""
    tokens: dict[int, Token] = {}
    try:
        return _Read(_parts(text, state, tokens), tokens)
    except TemplateSyntaxError as error:
        return _Read((), tokens, error.with_traceback(None))


def _parts(text: str, state: str | None, tokens: dict[int, Token]) -> tuple[nodes.Node, ...]:
    jinja = environment()
    pairs = [(token.offset, token.kind, token.text) for token in _lex(text, state, tokens)]
    parser = Parser(jinja, "", state=state)
    # a last token at the text's end: an early end is then reported there
    parser.stream = TokenStream(jinja.lexer.wrap([*pairs, (len(text), "eof", "")]), None, None)
    if state is None:
        return tuple(parser.parse().body)
    tree = parser.parse_expression()
    if parser.stream.current.type != "eof":
        raise TemplateSyntaxError("chunk after expression", parser.stream.current.lineno)
    return (tree,)


def _lex(text: str, state: str | None, tokens: dict[int, Token]) -> Iterator[Token]:
    """Jinja2's tokens with their offsets; the error of a bad character carries its offset, too."""
    at = 0
    source = "\n".join(re.split(r"\r\n|\r|\n", text))
    try:
        for _, kind, value in environment().lexer.tokeniter(source, None, state=state):
            at = max(source.find(value, at), at)
            token = Token(at, kind, value)
            at = token.end
            if kind != "whitespace":
                tokens[token.offset] = token
                yield token
    except TemplateSyntaxError as error:
        raise TemplateSyntaxError(_lexing(source, at, error), at) from error


def _lexing(source: str, at: int, error: TemplateSyntaxError) -> str:
    rest = source[at:].lstrip()
    if rest[:1] in ('"', "'"):
        return "this quote is never closed"
    if error.message and error.message.startswith("unexpected char"):
        return f"{rest[:1]!r} has no meaning here"
    return error.message or "cannot be read"


def _has_statement(spots: Spots, tokens: dict[int, Token]) -> bool:
    """Whether there is a statement; noted here, since most cannot even be read without their end."""
    for token in tokens.values():
        if token.kind == "block_begin":
            spots.add("E354", STATEMENT, token.offset, token.end)
            return True
    return False


def _only_a_comment(spots: Spots, parts: tuple[nodes.Node, ...]) -> bool:
    """Whether a template has no part at all; noted here."""
    if not parts:
        spots.add("E351", "there is no expression here, only a comment", 0, len(spots.text))
    return not parts


def _has_lonely_word(spots: Spots, parts: tuple[nodes.Node, ...]) -> bool:
    """Whether `and` or `or` stands where a value belongs, which Jinja2 takes for a name; noted here."""
    for part in parts:
        names = [part] if isinstance(part, nodes.Name) else part.find_all(nodes.Name)
        for name in names:
            if name.name in ("and", "or"):
                message = f"a value is needed beside this `{name.name}`"
                spots.add("E351", message, name.lineno, name.lineno + len(name.name))
                return True
    return False


def _note(spots: Spots, tokens: dict[int, Token], error: TemplateSyntaxError) -> None:
    offset = error.lineno
    while spots.text[offset : offset + 1].isspace():
        offset += 1
    token = tokens.get(offset)
    open_bracket = _left_open(tokens) if offset >= len(spots.text) else None
    if open_bracket is not None:
        message = f"this {open_bracket.text} is never closed"
        spots.add("E351", message, open_bracket.offset, open_bracket.end)
        return
    message = _plain(error.message or "", at_end=offset >= len(spots.text))
    if not spots.text.strip():
        message = "there is no expression here"
    found = token.text if token else spots.text[offset : offset + 1]
    hint = reading_hints.hint(spots.text, offset, found)
    spots.add("E351", message, offset, offset + max(len(found), 1), hint=hint)


def _left_open(tokens: dict[int, Token]) -> Token | None:
    """The last bracket that no other one closes."""
    waiting: list[Token] = []
    for token in tokens.values():
        if token.kind == "operator" and token.text in OPENING:
            waiting.append(token)
        elif token.kind == "operator" and token.text in CLOSING and waiting:
            waiting.pop()
    return waiting[-1] if waiting else None


def _plain(message: str, *, at_end: bool) -> str:
    """Jinja2's message in plain words."""
    for jinja, plain in PLAIN.items():
        message = message.replace(jinja, plain)
    if message.startswith("this quote"):
        return message
    got = re.search(r"xpected (?:token )?(.+?), got (.+)", message.rstrip("."))
    if at_end:
        missing = re.search(r"\bexpected (?:token )?('.+?')", message)
        lead = "the expression ends too early"
        return f"{lead}: {missing[1]} is missing" if missing else lead
    if got:
        needed = "a name" if got[1] == "'name'" else got[1]
        return f"{needed} is needed here, and this is {got[2]}"
    return re.sub("^unexpected '(.+)'$", r"`\1` cannot stand here", message.rstrip("."))


def _spine(tree: nodes.Node, count: int) -> list[nodes.Expr]:
    """The operands of a chain of `and`s, which Jinja2 nests to the left."""
    right: list[nodes.Expr] = []
    while len(right) < count - 1:
        assert isinstance(tree, nodes.And)
        right.append(tree.right)
        tree = tree.left
    assert isinstance(tree, nodes.Expr)
    return [tree, *reversed(right)]


def _evened(tokens: list[Token]) -> str:
    text, end = "", 0
    for token in tokens:
        text += " " * (bool(text) and token.offset > end) + token.text
        end = token.end
    return text
