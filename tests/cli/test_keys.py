"""``antiphon keys`` and ``antiphon audit``: on the database of a server that may be running."""

import asyncio
import csv
import io
import json
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from antiphon.cli import app as commands
from antiphon.cli.audit import AuditError
from antiphon.cli.keys import KeysError
from antiphon.store.database import FILE_NAME, Database
from antiphon.store.keys import Keys, StoredKey
from antiphon.store.logins import Logins

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """What a command prints for programs: standard output."""

    def run(*arguments: str, exit_code: int = 0) -> str:
        environment = {"ANTIPHON_DATA_DIR": str(tmp_path), "TERM": "dumb", "COLUMNS": "200"}
        result = CliRunner().invoke(commands.app, arguments, env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == exit_code, result.output
        return result.stdout

    return run


@pytest.fixture
def find(tmp_path: Path) -> Callable[[str], StoredKey | None]:
    """The key that a secret opens."""

    async def find(secret: str) -> StoredKey | None:
        database = Database(tmp_path / FILE_NAME)
        await database.open()
        try:
            return await Keys(database).find(secret)
        finally:
            await database.aclose()

    return lambda secret: asyncio.run(find(secret))


def create(run: Run, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("keys", "create", "demo", *options, "--json"))
    return found


class TestCreate:
    def test_only_the_secret_is_printed_where_programs_read(self, run: Run, find: Any) -> None:
        printed = run("keys", "create", "phone app")
        key = find(printed.strip())
        assert key is not None
        assert (key.terms.name, key.terms.permissions) == ("phone app", ("live",))

    def test_with_everything_that_can_be_said(self, run: Run, find: Any) -> None:
        told = create(
            run,
            *("--permission", "live", "--permission", "metrics", "--model", "models/gemini-3.8-live"),
            *("--expires", "30d", "--session", "0.25", "--day", "5", "--month", "$100", "--concurrent", "2"),
        )
        assert told["permissions"] == ["live", "metrics"]
        assert told["models"] == ["gemini-3.8-live"]
        assert (told["session"], told["day"], told["month"], told["concurrent"]) == ("0.25", "5", "100", 2)
        assert told["expires"] - told["created"] == pytest.approx(30 * 86_400, abs=5)
        assert find(told["secret"]).id == told["id"]

    @pytest.mark.parametrize(
        ("option", "value", "message"),
        [
            (
                "--permission",
                "everything",
                "permissions: everything is none; choose among live",
            ),
            ("--expires", "soon", "expires: write 30d, 12h, 2027-01-31"),
            ("--expires", "2020-01-01", "expires: that has passed"),
            ("--day", "-1", "day: write dollars, more than 0"),
            ("--month", "a lot", "month: write dollars"),
            ("--session", "0.0000001", "session: write dollars"),
            ("--concurrent", "0", "concurrent: write a whole number"),
            ("--model", "a b", "models: a b is no name of a model"),
        ],
    )
    def test_what_is_wrong_is_named(self, run: Run, option: str, value: str, message: str) -> None:
        with pytest.raises(KeysError, match=message.replace("(", r"\(")):
            create(run, option, value)
        assert "There is no key yet" in run("keys", "list")

    def test_help_teaches(self, run: Run) -> None:
        for command in ("create", "change", "rotate"):
            assert f"antiphon keys {command} " in run("keys", command, "--help")


class TestList:
    def test_every_key_and_its_state_and_no_secret(self, run: Run) -> None:
        first, second = create(run, "--day", "5"), create(run)
        run("keys", "revoke", first["id"])
        told = run("keys", "list")
        assert first["id"] in told
        assert "$5.00 a day" in told
        assert "revoked" in told
        listed = json.loads(run("keys", "list", "--json"))["keys"]
        assert {key["id"]: key["state"] for key in listed} == {first["id"]: "revoked", second["id"]: "active"}
        for key in (first, second):
            assert key["secret"] not in told + json.dumps(listed)


class TestChange:
    def test_what_is_not_named_stays(self, run: Run, find: Any) -> None:
        key = create(run, "--expires", "30d", "--day", "5", "--model", "gemini-3.8-live")
        run("keys", "change", key["id"], "--day", "20", "--model", "any")
        terms = find(key["secret"]).terms
        assert (str(terms.limits.day), terms.models, terms.name) == ("2E+1", (), "demo")
        assert terms.expires == pytest.approx(key["expires"], abs=60)

    def test_limits_go_away(self, run: Run, find: Any) -> None:
        key = create(run, "--expires", "30d", "--day", "5", "--concurrent", "1")
        run("keys", "change", key["id"], "--day", "none", "--concurrent", "none", "--expires", "never")
        terms = find(key["secret"]).terms
        assert (terms.limits.day, terms.limits.concurrent, terms.expires) == (None, None, None)

    def test_an_unknown_key_is_named(self, run: Run) -> None:
        for command in ("change", "revoke", "rotate"):
            with pytest.raises(KeysError, match="ak_x: there is no such key; antiphon keys list"):
                run("keys", command, "ak_x")


class TestRevokeAndRotate:
    def test_a_revoked_one_is_over(self, run: Run, find: Any) -> None:
        key = create(run)
        assert run("keys", "revoke", key["id"]) == f"{key['id']} (demo): revoked\n"
        assert find(key["secret"]).revoked is not None
        with pytest.raises(KeysError, match="is revoked; make another"):
            run("keys", "rotate", key["id"])

    def test_a_new_secret_beside_the_old_one_or_instead(self, run: Run, find: Any) -> None:
        key = create(run)
        second = run("keys", "rotate", key["id"]).strip()
        assert find(key["secret"]).id == find(second).id == key["id"]
        third = run("keys", "rotate", key["id"], "--grace", "0s").strip()
        assert find(key["secret"]) is find(second) is None
        assert find(third).id == key["id"]
        with pytest.raises(KeysError, match="--grace soon: is no time; write 24h"):
            run("keys", "rotate", key["id"], "--grace", "soon")

    def test_what_the_old_secret_logged_in_goes_with_it(self, run: Run, tmp_path: Path) -> None:
        key = create(run)

        async def logins(work: Callable[[Logins], Awaitable[str | None]]) -> str | None:
            database = Database(tmp_path / FILE_NAME)
            await database.open()
            try:
                return await work(Logins(database))
            finally:
                await database.aclose()

        cookie = asyncio.run(logins(lambda logins: logins.begin(key["id"]))) or ""
        run("keys", "rotate", key["id"])
        assert asyncio.run(logins(lambda logins: logins.owner(cookie))) == key["id"]
        run("keys", "rotate", key["id"], "--grace", "0s")
        assert asyncio.run(logins(lambda logins: logins.owner(cookie))) is None


class TestAudit:
    def test_everything_is_written_down_and_no_secret(self, run: Run, tmp_path: Path) -> None:
        key = create(run, "--day", "5")
        run("keys", "change", key["id"], "--day", "6")
        rotated = run("keys", "rotate", key["id"]).strip()
        run("keys", "revoke", key["id"])
        rows = list(csv.DictReader(io.StringIO(run("audit", "list", "--csv"))))
        assert [row["action"] for row in rows] == ["key.revoke", "key.rotate", "key.change", "key.create"]
        assert json.loads(rows[2]["detail"]) == {"day": ["5", "6"]}
        assert {row["target"] for row in rows} == {key["id"]}
        assert all(row["actor"].startswith("command line") for row in rows)
        with sqlite3.connect(tmp_path / FILE_NAME) as connection:
            dump = "\n".join(connection.iterdump())
        assert not [secret for secret in (key["secret"], rotated) if secret in dump]

    def test_some_of_it(self, run: Run) -> None:
        key = create(run)
        run("keys", "revoke", key["id"])
        told = json.loads(run("audit", "list", "--action", "key.rev", "--json"))["entries"]
        assert [entry["action"] for entry in told] == ["key.revoke"]
        assert "key.create" in run("audit", "list", "--text", key["id"])

    def test_it_is_whole_until_somebody_changes_it(self, run: Run, tmp_path: Path) -> None:
        create(run)
        kept = run("audit", "verify").split()[-1]
        create(run)
        assert run("audit", "verify", "--expect", kept).startswith("2 entries, whole")
        with sqlite3.connect(tmp_path / FILE_NAME) as connection:
            connection.execute("UPDATE audit SET target = 'ak_other' WHERE seq = 2")
        verdict = json.loads(run("audit", "verify", "--json", exit_code=1))
        assert (verdict["broken"], verdict["count"]) == (2, 1)

    def test_where_no_server_was_there_is_none(self, run: Run) -> None:
        with pytest.raises(AuditError, match="no server has run with this data directory"):
            run("audit", "list")
