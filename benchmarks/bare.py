"""The floor: a Starlette route that answers an empty 200 to a delivery and keeps nothing."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.delivery import PATH


async def answer(request: Request) -> Response:
    """200."""
    return Response()


app = Starlette(routes=[Route(PATH, answer, methods=["POST"])])
