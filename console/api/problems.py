"""What an answer says that isn't what was asked for: `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

PROBLEM_JSON = "application/problem+json"
RETRY_SECONDS = 5


class Mistake(BaseModel):
    """One thing that is wrong in a request."""

    model_config = ConfigDict(extra="forbid")

    where: str = Field(description="`body.contact.number`, `query.limit`")
    what: str


class Problem(BaseModel):
    """RFC 9457."""

    model_config = ConfigDict(extra="forbid")

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="One line: where, and what to do.")
    errors: list[Mistake] = Field(default=[], description="All that is wrong in the request.")


class Refused(Exception):
    """Ends a request. `detail` is one line for whoever wrote the program that asked."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mistake] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.errors = errors

    @property
    def answer(self) -> Response:
        problem = Problem(
            title=self.status.phrase,
            status=self.status,
            detail=self.detail,
            errors=list(self.errors),
        )
        return Response(
            problem.model_dump_json(), self.status, dict(self.headers), content_type=PROBLEM_JSON
        )


def wrongly_written(part: str, error: ValidationError) -> Refused:
    """:param part: `body` or `query`, which `error` is about."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    if problems[0]["type"] == "json_invalid":
        return Refused(HTTPStatus.BAD_REQUEST, f"{part}: {problems[0]['msg']}")
    mistakes = [
        Mistake(
            where=".".join([part, *map(str, problem["loc"])]),
            what=problem["msg"].removeprefix("Value error, "),
        )
        for problem in problems
    ]
    return unfit(*mistakes)


def unfit(*mistakes: Mistake) -> Refused:
    """What is written can't be meant."""
    first, more = mistakes[0], len(mistakes) - 1
    rest = f", and {more} more" if more else ""
    return Refused(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"{first.where}: {first.what}{rest}", errors=mistakes
    )


def missing() -> Refused:
    """There is none, or none for them: nobody learns which."""
    return Refused(HTTPStatus.NOT_FOUND, "there is none, or none that this token may see")
