"""Answers of documents: one model of what is to be seen, as a page or as JSON."""

from typing import Any, Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from antiphon.calls.desk import PAGES_PATH, Desk
from antiphon.console import assets, filters, qr_code
from antiphon.console.guard import Viewer
from antiphon.console.navigation import Navigation

_JSON: Final = msgspec.json.Encoder(decimal_format="string", enc_hook=str)


class Renderer:
    """Renders the templates of this package."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._environment = Environment(
            loader=PackageLoader("antiphon.console"),
            autoescape=select_autoescape(("html", "svg")),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(filters.FILTERS)
        self._environment.globals.update(
            asset=assets.url,
            preloads=assets.preloads,
            qr=qr_code.qr,
            base=PAGES_PATH,
            version=desk.installation.version,
        )

    def respond(
        self, request: Request, viewer: Viewer | None, template: str, model: Any, status: int = 200
    ) -> Response:
        """``model``, a Struct or what JSON can carry, as the request wants it: a page by ``template``, or JSON."""
        if wants_json(request):
            return json(model, status)
        return self.page(request, viewer, template, {"model": model}, status)

    def page(
        self, request: Request, viewer: Viewer | None, template: str, context: dict[str, Any], status: int = 200
    ) -> Response:
        """A page by ``template``."""
        navigation = Navigation.of(request, viewer)
        text = self._environment.get_template(template).render(
            **context, request=request, viewer=viewer, navigation=navigation
        )
        return HTMLResponse(text, status)


def wants_json(request: Request) -> bool:
    """Whether a request asks for JSON: by ``?format=json``, below ``/api``, or because it is no browser that asks."""
    if wanted := request.query_params.get("format"):
        return wanted == "json"
    return request.url.path.startswith(f"{PAGES_PATH}/api/") or "text/html" not in request.headers.get("accept", "")


def json(model: Any, status: int = 200) -> Response:
    """``model`` as JSON; money as strings, for it is exact."""
    return Response(_JSON.encode(model), status, media_type="application/json")
