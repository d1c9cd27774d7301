"""Reading what others send without ever refusing it.

What is of a wrong type is None or left out, so that one odd field never costs the rest.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

T = TypeVar("T")


def clean(text: str) -> str:
    """Take out what cannot be stored or sent: half an emoji (a lone surrogate), and NUL."""
    text = text.replace("\0", "")
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _word(value: object) -> str | None:
    if isinstance(value, str):
        return clean(value) or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _or_none(value: object, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


def _those_that_fit(value: object, handler: ValidatorFunctionWrapHandler) -> Any:
    fitting: list[Any] = []
    for item in value if isinstance(value, list) else ():
        try:
            fitting += handler([item])
        except ValidationError:
            continue
    return tuple(fitting)


Word = Annotated[str | None, BeforeValidator(_word)]
"""A text or a number, as text; None: neither, or empty."""
Maybe = Annotated[T | None, WrapValidator(_or_none)]
Many = Annotated[tuple[T, ...], WrapValidator(_those_that_fit)]


class Wire(BaseModel):
    """A part of a webhook. What is not named here is ignored."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True, defer_build=True)


WireT = TypeVar("WireT", bound=Wire)


def read_as(shape: type[WireT], item: object) -> WireT | None:
    """Read a part of a webhook; None: it is no object at all."""
    return shape.model_validate(item) if isinstance(item, dict) else None
