"""Parses JSON bodies of the API with the bounds that webhooks have."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from pipeline.errors import Malformed
from pipeline.vendors import json_body
from pipeline.vendors.parse_result import INLINE_BYTES, UnreadableBody


class BoundedJson(Request):
    """A request whose body is bounded: one of a million values would delay all other requests for a second."""

    async def json(self) -> Any:
        body = await self.body()
        try:
            if len(body) <= INLINE_BYTES:
                return json_body.parse(body)
            return await asyncio.to_thread(json_body.parse, body)
        except UnreadableBody as error:
            raise Malformed(str(error), pointer=error.pointer) from None


class JsonRoute(APIRoute):
    """For routers whose requests have bodies."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            try:
                return await handler(BoundedJson(request.scope, request.receive))
            except HTTPException as error:
                # FastAPI turns every failure to read a body into an HTTPException with its own text.
                if isinstance(error.__cause__, Malformed):
                    raise error.__cause__ from None
                raise

        return bounded
