"""What people write of a key, on a page or a command line, read and checked; every mistake names its field."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, get_args

from msgspec import Struct
from msgspec.structs import asdict

from antiphon.calls.caller import Permission
from antiphon.live import profiles
from antiphon.meter.money import plain
from antiphon.store.keys import KeyLimits, KeyTerms, StoredKey

PERMISSIONS: Final[Mapping[Permission, str]] = {
    "live": "talk to models, and make tokens for programs that do",
    "sessions": "see its own sessions",
    "metrics": "read /metrics",
    "admin": "see and change everything, keys too",
}
assert set(PERMISSIONS) == set(get_args(Permission))

LONGEST_NAME: Final = 60
MOST_DOLLARS: Final = Decimal(1_000_000)
MOST_SESSIONS: Final = 100_000
MOST_SECONDS: Final = 100 * 366 * 86_400.0
"""How far ahead a key may expire: moments that no calendar has cannot be shown."""

_AHEAD: Final = re.compile(r"(\d{1,5})\s*([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class KeyForm(Struct, frozen=True, kw_only=True):
    """A key as somebody wrote it: texts, empty for what they left out."""

    name: str = ""
    permissions: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    expires: str = ""
    session: str = ""
    day: str = ""
    month: str = ""
    concurrent: str = ""

    @classmethod
    def of(cls, terms: KeyTerms) -> "KeyForm":
        """Terms as one would write them."""
        limits = terms.limits
        expires = "" if terms.expires is None else datetime.fromtimestamp(terms.expires, UTC).strftime("%Y-%m-%dT%H:%M")
        return cls(
            name=terms.name,
            permissions=terms.permissions,
            models=terms.models,
            expires=expires,
            session=_written(limits.session),
            day=_written(limits.day),
            month=_written(limits.month),
            concurrent="" if limits.concurrent is None else str(limits.concurrent),
        )


class KeyFormError(Exception):
    """Some fields cannot be used; ``problems`` says of each why, and what to write instead."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in problems.items()))
        self.problems = problems


def read(form: KeyForm, now: float, served: Collection[str] = (), kept: float | None = None) -> KeyTerms:
    """The terms that a form asks for. ``served`` are the models of the server, where they are known.

    ``kept`` is when the key expires by now: that may have passed, any other moment may not.

    Raises:
        KeyFormError: a field cannot be used.
    """
    problems: dict[str, str] = {}
    terms = KeyTerms(
        name=_name(form.name, problems),
        permissions=_permissions(form.permissions, problems),
        models=_models(form.models, served, problems),
        expires=_moment(form.expires, now, kept, problems),
        limits=KeyLimits(
            session=_dollars("session", form.session, problems),
            day=_dollars("day", form.day, problems),
            month=_dollars("month", form.month, problems),
            concurrent=_count(form.concurrent, problems),
        ),
    )
    if problems:
        raise KeyFormError(problems)
    return terms


def duration(text: str) -> float | None:
    """Seconds of ``30d``, ``12h``, ``90m``; None where it is none."""
    found = _AHEAD.fullmatch(text.strip())
    return timedelta(**{_UNITS[found[2]]: int(found[1])}).total_seconds() if found else None


def told(terms: KeyTerms) -> dict[str, Any]:
    """Terms as logs and programs read them: amounts as text."""
    limits = {name: plain(value) if name != "concurrent" else value for name, value in limits_of(terms).items()}
    expires = None if terms.expires is None else f"{datetime.fromtimestamp(terms.expires, UTC):%Y-%m-%dT%H:%M:%SZ}"
    flat = {"permissions": terms.permissions, "models": terms.models, "expires": expires}
    return {"name": terms.name, **{name: value for name, value in flat.items() if value}, **limits}


def differences(old: KeyTerms, new: KeyTerms) -> dict[str, Any]:
    """What changed, from and to."""
    before, after = told(old), told(new)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: [before.get(name), after.get(name)] for name in names}


def flat(key: StoredKey, now: float) -> dict[str, Any]:
    """A key as programs read it; moments are seconds of the Unix epoch."""
    times = ("created", "last_used", "revoked", "old_until")
    moments = {"expires": key.terms.expires, **{name: getattr(key, name) for name in times}}
    return {"id": key.id, "state": key.state(now), **told(key.terms), "created_by": key.created_by, **moments}


def limits_of(terms: KeyTerms) -> dict[str, Any]:
    """The limits that there are, by their names."""
    return {name: value for name, value in asdict(terms.limits).items() if value is not None}


def _name(text: str, problems: dict[str, str]) -> str:
    name = " ".join(text.split())
    if not name:
        problems["name"] = "write what the key is for, such as: phone app"
    elif len(name) > LONGEST_NAME or not name.isprintable():
        problems["name"] = f"write at most {LONGEST_NAME} printable characters"
    return name


def _permissions(names: Sequence[str], problems: dict[str, str]) -> tuple[str, ...]:
    if unknown := [name for name in names if name not in PERMISSIONS]:
        problems["permissions"] = f"{unknown[0][:30]} is none; choose among {', '.join(PERMISSIONS)}"
    elif not names:
        problems["permissions"] = "choose at least one: a key without any opens nothing"
    return tuple(name for name in PERMISSIONS if name in names)


def _models(names: Sequence[str], served: Collection[str], problems: dict[str, str]) -> tuple[str, ...]:
    models = dict.fromkeys(name.strip().rsplit("/", 1)[-1] for name in names if name.strip())
    for name in models:
        profile = profiles.find(name)
        if served and name not in served and (profile is None or profile.id not in served):
            problems["models"] = f"{name[:60]} is not served here; write some of {', '.join(served)}"
        elif len(name) > 100 or re.search(r"[\s,]", name):
            problems["models"] = f"{name[:60]} is no name of a model"
    return tuple(models)


def _moment(text: str, now: float, kept: float | None, problems: dict[str, str]) -> float | None:
    text = text.strip()
    if not text or text == "never":
        return None
    if (ahead := duration(text)) is not None:
        moment = now + ahead
    else:
        try:
            read = datetime.fromisoformat(text)
            moment = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            problems["expires"] = "write 30d, 12h, 2027-01-31 or 2027-01-31T12:00 (UTC), or nothing for never"
            return None
    if kept is not None and abs(moment - kept) < 60:
        return kept
    if moment > now + MOST_SECONDS:
        problems["expires"] = "write a moment of the next hundred years, or nothing for never"
    if moment <= now:
        problems["expires"] = "that has passed; revoke the key to end it now"
    return moment


def _dollars(field: str, text: str, problems: dict[str, str]) -> Decimal | None:
    text = text.strip().removeprefix("$")
    if not text or text == "none":
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 < amount <= MOST_DOLLARS or amount != round(amount, 6):
        problems[field] = "write dollars, more than 0 and at most 1000000, such as 5 or 0.25, or nothing for no limit"
        return None
    return amount


def _count(text: str, problems: dict[str, str]) -> int | None:
    text = text.strip()
    if not text or text == "none":
        return None
    if not re.fullmatch(r"[1-9]\d{0,5}", text, re.ASCII) or int(text) > MOST_SESSIONS:
        problems["concurrent"] = "write a whole number of sessions, at least 1, or nothing for no limit"
        return None
    return int(text)


def _written(amount: Decimal | None) -> str:
    return "" if amount is None else plain(amount)
