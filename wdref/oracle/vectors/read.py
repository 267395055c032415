"""Reading JSON that others wrote: bounded in memory, closed in form, one clear error.

A file is refused by its size before it is read, by its nesting and its numbers while it is parsed,
and by the first place where it departs from its schema. Everything raises `VectorsError`.
"""

import json
import math
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

LARGEST = 8 * 2**20  # bytes of a file: what is parsed takes up to some 25 times as much memory
LONGEST = 1100  # characters of a number: the exact decimals of the smallest float64 are 1077

VECTORS_SCHEMAS = ("vectors_schema_v1.json", "vectors_schema_v2.json")
OUTPUTS_SCHEMAS = ("outputs_schema_v1.json", "outputs_schema_v2.json")
VECTORS_SCHEMA, OUTPUTS_SCHEMA = VECTORS_SCHEMAS[-1], OUTPUTS_SCHEMAS[-1]  # what is written
SCHEMAS = (*VECTORS_SCHEMAS, *OUTPUTS_SCHEMAS)


class VectorsError(ValueError):
    """A file is no vectors or outputs that this wdref reads; says where and what to do."""


def read(path: Path, schemas: Sequence[str]) -> dict[str, Any]:
    """Return the document at `path`, which has the form of one of `schemas`, or VectorsError."""
    try:
        document = parse(content(path))
        conform(document, schemas)
    except VectorsError as error:
        raise VectorsError(f"{path}: {error}") from None
    except OSError as error:
        raise VectorsError(f"{path}: {error.strerror or error}") from None
    except RecursionError:  # of the parser, or of the validator's messages
        raise VectorsError(f"{path}: nested too deeply to be vectors or outputs") from None
    assert isinstance(document, dict)  # as every schema says
    return document


def content(path: Path) -> str:
    """Return the text of a file of at most LARGEST bytes."""
    if path.is_dir():
        raise VectorsError("a directory: expected a JSON file")
    if path.exists() and not path.is_file():
        raise VectorsError("no regular file: expected a JSON file")
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise VectorsError(f"over {LARGEST // 2**20} MiB, the largest file that is read")
    try:
        text = data.decode("utf-8-sig")  # some editors put a mark in front
    except UnicodeDecodeError as error:
        raise VectorsError(f"no text in UTF-8 at byte {error.start}: expected JSON") from None
    if not text.strip():
        raise VectorsError("empty: expected JSON")
    return text


def parse(text: str) -> Any:
    """Return the JSON document, each of its numbers a finite float64 and each key given once."""
    hooks: dict[str, Any] = {
        "object_pairs_hook": _object, "parse_float": _float, "parse_int": _int,
        "parse_constant": _constant,
    }  # fmt: skip
    try:
        return json.loads(text, **hooks)
    except json.JSONDecodeError as error:
        # a number cut in two is read up to the cut, and the error stands one character before
        end = error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated")
        cut = "; the file seems to be truncated" if end else ""
        place = f"line {error.lineno} column {error.colno}"
        raise VectorsError(f"no JSON at {place}: {error.msg}{cut}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise VectorsError(f"key {shown(twice)} stands twice in one object")
    return found


def _float(text: str) -> float:
    if len(text) > LONGEST:
        raise VectorsError(f"a number of {len(text)} characters: expected at most {LONGEST}")
    value = float(text)
    if math.isinf(value):
        raise VectorsError(f'number {shorten(text)} is beyond float64: write "inf" for infinity')
    return value


def _int(text: str) -> int:
    _float(text)
    return int(text)


def _constant(text: str) -> NoReturn:
    word = text.lower().replace("infinity", "inf")
    raise VectorsError(f'{text} is no JSON: outputs write "{word}", vectors too')


def conform(document: Any, schemas: Sequence[str]) -> None:
    """Raise VectorsError where `document` departs first from the schema that it names."""
    if not isinstance(document, dict):
        raise VectorsError(f"{kind(document)}: expected an object with the key 'schema'")
    version = document.get("schema")
    if version not in schemas:
        known = " and ".join(map(repr, schemas))
        raise VectorsError(f"schema {shown(version)}: this wdref reads {known} here")
    error = next(_validator(version).iter_errors(document), None)
    if error is not None:
        raise VectorsError(f"{_place(error.absolute_path)}: {_departure(error)}")


@cache
def schema_text(name: str) -> str:
    """Return a schema as the package holds it."""
    return (files("wdref.oracle.data") / name).read_text("utf-8")


@cache
def _validator(name: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(schema_text(name)))


def _place(path: Any) -> str:
    text = "".join(f"[{x}]" if isinstance(x, int) else f".{x}" for x in path)
    return shorten(text.lstrip(".")) or "the document"


def _departure(error: Any) -> str:
    """Say in wdref's words what a validator of jsonschema found; its own quote whole documents."""
    value, wanted, found = error.instance, error.validator_value, error.validator
    if found == "required":
        return f"lacks {next(key for key in wanted if key not in value)!r}"
    if found == "additionalProperties":
        known = error.schema.get("properties", {})
        forms = tuple(error.schema.get("patternProperties", ()))
        odd = (k for k in value if k not in known and not any(re.search(f, k) for f in forms))
        return f"unknown key {shown(next(odd))}"
    if found == "type":
        return f"{shown(value)}: expected {_kinds(wanted)}"
    if found in ("maxItems", "minItems", "maxProperties"):
        most = "least" if found == "minItems" else "most"
        return f"{len(value)} entries: expected at {most} {wanted}"
    if found == "pattern":
        return f"{shown(value)} is text: expected {_forms(error.schema)}"
    bound = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "maxLength": "length <=",
             "minLength": "length >=", "enum": "one of", "const": ""}  # fmt: skip
    return f"{shown(value)}: expected {bound.get(found, found)} {wanted}"


def _kinds(wanted: Any) -> str:
    names = [wanted] if isinstance(wanted, str) else wanted
    if names == ["number", "string"]:
        return 'a number, or "nan", "inf", "-inf" or a hexadecimal float as text'
    if names == ["number", "string", "null"]:
        return 'a number, or "nan", "inf", "-inf" as text, or null'
    return " or ".join(
        "an " + n if n[0] in "aio" else "a " + n if n != "null" else n for n in names
    )


def _forms(schema: dict[str, Any]) -> str:
    if "number" in schema["type"] and "0[xX]" in schema["pattern"]:
        return 'a number, "nan", "inf", "-inf" or a hexadecimal float such as "0x1.8p-1"'
    return f"the form {schema['pattern']}"


def kind(value: Any) -> str:
    """Name a JSON value by its kind, without its content."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'an array'} of {len(value)}"
    return "null" if value is None else shown(value)


def shown(value: Any) -> str:
    """Quote a JSON value in one short printable line."""
    return shorten(kind(value) if isinstance(value, dict | list | None) else ascii(value))


def shorten(text: str) -> str:
    """Cut text that would fill a terminal, and replace what would not print."""
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean if len(clean) <= 80 else f"{clean[:77]}…"
