"""The one error of this client. A program that fails is no error: that is an outcome."""

from __future__ import annotations

import email.utils
import json
import time
from typing import Any, Dict, List, Optional

import httpx


class ExecutorManagerError(Exception):
    """The service refused a request or failed, or it could not be reached.

    ``type`` is the last part of the problem's type as the service tells it (``invalid-request``,
    ``no-executor`` ..), or ``unreachable``, ``broken-stream``, ``bad-answer``.
    """

    def __init__(
        self,
        type: str,
        message: str,
        *,
        status: Optional[int] = None,
        errors: Optional[List[Dict[str, str]]] = None,
        retry_after_s: Optional[float] = None,
        instance: Optional[str] = None,
    ) -> None:
        super().__init__(message)
        self.type = type
        #: Of HTTP; None: there was no answer.
        self.status = status
        #: All that is wrong with the request: ``{"pointer": .., "detail": ..}``.
        self.errors = errors or []
        #: How long the service asks to wait; None: it does not say.
        self.retry_after_s = retry_after_s
        #: The request in the service's log.
        self.instance = instance


def error_of(problem: Dict[str, Any], retry_after_s: Optional[float] = None) -> ExecutorManagerError:
    """The error of a problem (RFC 9457) that the service told."""
    return ExecutorManagerError(
        str(problem.get("type", "")).rsplit("/", 1)[-1],
        str(problem.get("detail", "")),
        status=problem.get("status"),
        errors=problem.get("errors"),
        retry_after_s=retry_after_s,
        instance=problem.get("instance"),
    )


def error_of_answer(response: httpx.Response) -> ExecutorManagerError:
    """The error of an answer that is no success, whose body has been read."""
    retry_after_s = _wait_of(response.headers.get("retry-after"))
    if "application/problem+json" in response.headers.get("content-type", ""):
        try:
            return error_of(json.loads(response.text), retry_after_s)
        except (ValueError, AttributeError):
            pass
    said = f"HTTP {response.status_code}, and not an answer of an executor manager: "
    return ExecutorManagerError(
        "bad-answer",
        said + response.text[:200],
        status=response.status_code,
        retry_after_s=retry_after_s,
    )


def _wait_of(header: Optional[str]) -> Optional[float]:
    """https://www.rfc-editor.org/rfc/rfc9110#name-retry-after: seconds, or a date."""
    if header is None:
        return None
    if header.isdigit():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
