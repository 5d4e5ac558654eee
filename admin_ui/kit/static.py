"""Static files: each has its content's hash in its address, so that it may be kept forever."""

import hashlib
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parents[1] / "static"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


@lru_cache
def files() -> dict[str, tuple[str, bytes]]:
    """Every file that we serve: its name with its hash, and what is in it."""
    return {
        path.name: (hashlib.sha256(content := path.read_bytes()).hexdigest()[:12], content)
        for path in sorted(FOLDER.iterdir())
        if path.suffix in KINDS
    }


@lru_cache
def address(name: str) -> str:
    """Where a file is served: `/static/admin/0123456789ab/admin.css`."""
    return f"/static/admin/{files()[name][0]}/{name}"


async def serve(request: Request) -> Response:
    """One file; under an old hash the new file, but not for keeps."""
    name = request.path_params["name"]
    if name not in files():
        return Response(status_code=404)
    digest, content = files()[name]
    kept = FOREVER if request.path_params["digest"] == digest else "no-cache"
    return Response(
        content,
        media_type=KINDS[Path(name).suffix],
        headers={"Cache-Control": kept, "X-Content-Type-Options": "nosniff"},
    )
