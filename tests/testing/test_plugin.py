import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

# Tests of users: the fixtures are there because Antiphon is installed, and say where the server is.
ASK = """
    import asyncio, os
    import pytest
    from google import genai

    def ask(text):
        async def conversation():
            config = {"response_modalities": ["AUDIO"], "output_audio_transcription": {}}
            async with genai.Client().aio.live.connect(model="gemini-3.8-live", config=config) as session:
                await session.send_realtime_input(text=text)
                said = ""
                async for message in session.receive():
                    content = message.server_content
                    if content and content.output_transcription:
                        said += content.output_transcription.text
                return said
        return asyncio.run(conversation())
"""


@pytest.fixture
def user(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project of a user's own, with a helper that asks a google-genai client."""
    pytester.makepyfile(ask=ASK)
    pytester.makeini("[pytest]\naddopts = --strict-markers -p no:cacheprovider\npythonpath = .\n")
    return pytester


def test_the_marker_says_how_the_server_answers(user: pytest.Pytester) -> None:
    folder = user.mkdir("tests")
    (folder / "answers.yaml").write_text("rules:\n  - when: hello\n    say: From the file beside the test.\n")
    (folder / "test_agent.py").write_text(
        "import os\n"
        "import pytest\n"
        "from ask import ask\n"
        "\n"
        "BEFORE = os.environ.get('GOOGLE_GEMINI_BASE_URL')\n"
        "\n"
        "@pytest.mark.antiphon(script='answers.yaml', pace_turns=False)\n"
        "def test_a_file(antiphon_server):\n"
        "    assert ask('Hello') == 'From the file beside the test.'\n"
        "\n"
        "@pytest.mark.antiphon(script='rules:\\n  - when: hello\\n    say: From text.\\n', pace_turns=False)\n"
        "def test_a_text(antiphon_server):\n"
        "    assert ask('Hello') == 'From text.'\n"
        "\n"
        "@pytest.mark.antiphon(pace_turns=False)\n"
        "class TestOfAClass:\n"
        "    def test_the_built_in_brain(self, antiphon_server):\n"
        "        assert ask('What is two plus three?') == '2 plus 3 is 5.'\n"
        "        assert os.environ['GOOGLE_GEMINI_BASE_URL'] == antiphon_server.tls_url\n"
        "\n"
        "def test_the_environment_is_as_before():\n"
        "    assert os.environ.get('GOOGLE_GEMINI_BASE_URL') == BEFORE\n"
        "\n"
        "@pytest.mark.antiphon(script='missing.yaml')\n"
        "def test_a_script_that_is_not_there(antiphon_server): ...\n"
        "\n"
        "@pytest.mark.antiphon(script='rules:\\n  - when: hello\\n    sing: la\\n')\n"
        "def test_a_script_that_is_wrong(antiphon_server): ...\n"
        "\n"
        "@pytest.mark.antiphon(pace_turn=False)\n"
        "def test_a_setting_that_is_wrong(antiphon_server): ...\n"
    )
    result = user.runpytest_subprocess(folder)
    result.assert_outcomes(passed=4, errors=3)
    errors = [line for line in result.outlines if line.startswith("E ")]
    for expected in ("missing.yaml", "line 3", "pace_turn"):
        assert any(expected in line for line in errors), errors


def test_asynchronous_tests_may_use_the_same_fixture(user: pytest.Pytester) -> None:
    user.makepyfile(
        """
        import asyncio
        import pytest
        from ask import ask

        @pytest.mark.asyncio
        @pytest.mark.antiphon(pace_turns=False)
        async def test_within_a_loop(antiphon_server):
            assert await asyncio.to_thread(ask, "What is two plus three?") == "2 plus 3 is 5."
            assert antiphon_server.sessions <= 1
        """
    )
    user.runpytest_subprocess().assert_outcomes(passed=1)


def test_projects_that_do_not_use_it_do_not_pay(user: pytest.Pytester) -> None:
    user.makepyfile(
        """
        import sys

        HEAVY = ("numpy", "uvicorn", "msgspec", "starlette", "antiphon.testing.server", "antiphon.server")

        def test_nothing_heavy_is_loaded(request):
            assert request.config.pluginmanager.has_plugin("antiphon")
            assert [name for name in HEAVY if name in sys.modules] == []
        """
    )
    # Plugins of this environment load modules as well; only ours is looked at.
    user.runpytest_subprocess("-p", "no:asyncio", "-p", "no:hypothesispytest").assert_outcomes(passed=1)


def test_importing_the_plugin_loads_only_pytest(tmp_path: Path) -> None:
    program = (
        "import sys, pytest; before = set(sys.modules); import antiphon.testing.plugin; "
        "print(*sorted(name for name in set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["antiphon", "antiphon.testing", "antiphon.testing.plugin"]


def test_the_package_names_what_it_has() -> None:
    import antiphon.testing

    for name in antiphon.testing.__all__:
        assert getattr(antiphon.testing, name).__class__
    with pytest.raises(AttributeError, match="has no attribute 'Unknown'"):
        _ = antiphon.testing.Unknown
