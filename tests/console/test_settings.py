"""Settings in a browser: what one sets is what is sent, the server's word on it is shown, and links tell no secrets."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.console.modules import load, open_blank, until

from antiphon.live import profiles

MODEL = "models/gemini-3.8-live"
TEMPERATURE = "generationConfig.temperature"
CAPTIONS = {"inputAudioTranscription": {}, "outputAudioTranscription": {}}

REFUSED = (
    "generationConfig.thinkingConfig.thinkingLevel",
    "proactivity.proactiveAudio",
    "generationConfig.thinkingConfig.thinkingBudget",
    "generationConfig.enableAffectiveDialog",
)
"""What a strict server refuses, for each model in turn."""

DRAW = """([component, hash]) => {
  const { html, render } = preact;
  return state.Settings.fromLink(hash).then((settings) => {
    window.settings = settings;
    const Component = component === "code" ? code.GetCode : panel.SettingsPanel;
    render(html`<${Component} settings=${settings} />`, document.getElementById("app"));
  });
}"""


def draw(page: Any, server: Any, component: str = "panel", link: str = "") -> Any:
    """A page with nothing but the panel, or the code, of settings that came from a link."""
    open_blank(page, server, "settings")
    modules = {"preact": "vendor/preact.js", "server": "lib/server.js"}
    modules |= {each: f"settings/{each}.js" for each in ("presets", "state", "panel", "code", "share")}
    load(page, **modules)
    page.evaluate(DRAW, [component, link])
    until(page, "settings.fields.value.length && settings.models.value.length && settings.verdicts.value")
    return page


def setup(page: Any) -> dict[str, Any]:
    return page.evaluate("settings.setup.value")


def field(page: Any, path: str) -> Any:
    """The row of a field, in a group that is open."""
    row = page.locator(f'.setting[data-path="{path}"]')
    row.evaluate('row => { row.closest("details").open = true; }')
    return row


def replace(page: Any, value: dict[str, Any]) -> None:
    page.evaluate("value => settings.replace(value)", value)


def open_all(page: Any) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")


class TestFields:
    def test_what_is_set_is_what_the_socket_sends(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start())
        sent: list[str] = []
        page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
        field(page, TEMPERATURE).locator("input").fill("0.5")
        field(page, "systemInstruction").locator("textarea").fill("Be brief.\nBe kind.")
        field(page, "realtimeInputConfig.turnCoverage").locator("select").select_option(label="All input")
        field(page, "realtimeInputConfig.automaticActivityDetection.disabled").locator("select").select_option("true")
        field(page, "generationConfig.responseModalities").locator("select").select_option(label="Audio")
        field(page, "contextWindowCompression").locator("input").check()
        field(page, "inputAudioTranscription.languageCodes").locator("textarea").fill("de-DE\n\nen-US\n")
        field(page, "labels").locator("textarea").fill('{"team": "voice"}')
        field(page, "tools[].functionDeclarations").get_by_role("button", name="get_weather", exact=False).first.click()
        field(page, "tools[].codeExecution").locator("input").check()
        load(page, conversation="live/conversation.js", wire="live/wire.js")
        page.evaluate("""async () => {
          const token = async () => (await (await fetch("/console/api/token", { method: "POST" })).json()).name;
          window.talk = new conversation.Conversation({
            endpoint: location.origin.replace("http", "ws"), token, setup: () => settings.setup.value,
            player: null, log: new wire.WireLog(), now: () => performance.now(),
          });
          talk.connect();
        }""")
        until(page, "talk.state.value === 'open'")
        assert json.loads(sent[0]) == {"setup": setup(page)}
        page.evaluate("talk.hangUp()")
        assert setup(page) == {
            "model": MODEL,
            "generationConfig": {"temperature": 0.5, "responseModalities": ["AUDIO"]},
            "systemInstruction": {"parts": [{"text": "Be brief.\nBe kind."}]},
            "realtimeInputConfig": {
                "turnCoverage": "TURN_INCLUDES_ALL_INPUT",
                "automaticActivityDetection": {"disabled": True},
            },
            "contextWindowCompression": {},
            "sessionResumption": {},
            "inputAudioTranscription": {"languageCodes": ["de-DE", "en-US"]},
            "outputAudioTranscription": {},
            "labels": {"team": "voice"},
            "tools": [
                {"functionDeclarations": page.evaluate("[presets.GET_WEATHER]")},
                {"codeExecution": {}},
            ],
        }

    def test_what_is_reset_is_as_if_it_had_never_been_set(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start())
        before = setup(page)
        row = field(page, "realtimeInputConfig.automaticActivityDetection.silenceDurationMs")
        assert row.get_by_text("changed").count() == 0
        row.locator("input").fill("700")
        assert row.get_by_text("changed", exact=True).count() == 1
        assert "500 ms" in row.inner_text()
        row.get_by_role("button", name="Reset Silence that ends a turn").click()
        assert setup(page) == before
        field(page, "inputAudioTranscription.mode").locator("select").select_option("SMART")
        field(page, "inputAudioTranscription.mode").get_by_role("button").click()
        assert setup(page) == before, "a transcript that was on stays on"
        field(page, "inputAudioTranscription").locator("input").uncheck()
        assert "inputAudioTranscription" not in setup(page)

    def test_a_value_that_the_server_refuses_is_marked_with_reason_and_remedy(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start())
        row = field(page, TEMPERATURE)
        row.locator("input").fill("9")
        row.get_by_text("Refused: 9.0 is out of range; use 0 to 2.").wait_for()
        assert row.get_by_text("refused", exact=True).count() == 1
        described = row.locator("input").get_attribute("aria-describedby").split()
        told = [page.locator(f"[id='{each}']").inner_text() for each in described]
        assert any("out of range" in each for each in told)
        page.get_by_text("The server would refuse this").wait_for()
        row.locator("input").fill("1")
        page.get_by_text("The server takes these settings.").wait_for()
        assert row.get_by_text("refused", exact=True).count() == 0

    def test_what_a_model_refuses_is_marked_before_it_is_set(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start(session={"strict": True}))
        for model, path in zip(profiles.PROFILES, REFUSED, strict=True):
            page.get_by_label("Model", exact=True).select_option(f"models/{model}")
            until(page, f"settings.facts.value.asked === 'models/{model}'")
            row = field(page, path)
            row.get_by_text("refused", exact=True).wait_for()
            told = page.evaluate("path => settings.fields.value.find((each) => each.path === path).why", path)
            assert told
            assert f"Refused: {told}." in row.inner_text()

    def test_a_model_that_is_not_served_is_said_to_be_none(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start())
        page.evaluate("settings.set('model', 'models/nobody')")
        page.get_by_text("models/nobody is not found").first.wait_for()

    def test_a_server_that_is_gone_is_told(self, start: Any, new_page: Any, antiphon_servers: Any) -> None:
        page = draw(new_page(), start())
        page.route("**/console/api/**", lambda route: route.abort())
        page.evaluate("settings.set('generationConfig.seed', 1)")
        page.get_by_role("alert").get_by_text("The server cannot be reached.").wait_for()
        page.problems.clear()


class TestFinding:
    def test_the_filter_looks_at_names_paths_and_words(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start())
        box = page.get_by_label("Find a setting")
        for text, path in (("silence ends", "silenceDurationMs"), ("prefixPaddingMs", "prefixPaddingMs")):
            box.fill(text)
            shown = page.locator(".setting:visible")
            assert [each.get_attribute("data-path").rpartition(".")[2] for each in shown.all()] == [path]
        box.fill("no such thing")
        page.get_by_text("No setting fits.").wait_for()

    def test_only_what_was_changed(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start())
        page.get_by_label("Only changed").check()
        paths = [each.get_attribute("data-path") for each in page.locator(".setting:visible").all()]
        assert set(paths) == {*CAPTIONS, "sessionResumption"}


class TestJson:
    def test_goes_both_ways_and_says_in_which_line_it_is_wrong(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start())
        open_all(page)
        raw = page.get_by_label("What is sent as setup")
        field(page, TEMPERATURE).locator("input").fill("0.25")
        expect(raw).to_have_value(re.compile(r'"temperature": 0\.25'))
        assert json.loads(raw.input_value())["generationConfig"] == {"temperature": 0.25}
        raw.fill('{"model": "models/gemini-3.8-live",\n "generationConfig": {"temperature": 0.75}}')
        expect(field(page, TEMPERATURE).locator("input")).to_have_value("0.75")
        raw.fill('{"model": "models/gemini-3.8-live",\n "generationConfig" 1}')
        page.get_by_text("Line 2, column 21:").wait_for()
        expect(raw).to_have_attribute("aria-invalid", "true")
        assert setup(page)["generationConfig"] == {"temperature": 0.75}, "the last good one holds"
        raw.fill('{"setup": {}}')
        page.get_by_text("Leave out the wrapper").wait_for()
        raw.fill('{"model": "models/gemini-3.8-live"')
        page.get_by_text("Line 1, column 35:").wait_for()

    def test_functions_are_checked(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start())
        row = field(page, "tools[].functionDeclarations")
        row.locator("textarea").fill('[{"description": "nameless"}]')
        row.get_by_text("Function 1 has no name.").wait_for()
        row.locator("textarea").fill('[{"name": "one"}, {"name": "two"}]')
        row.get_by_role("button", name="Remove one").click()
        assert setup(page)["tools"] == [{"functionDeclarations": [{"name": "two"}]}]
        row.get_by_role("button", name="Remove two").click()
        assert "tools" not in setup(page)


class TestPresets:
    def test_those_that_come_along_are_taken_by_every_model(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start())
        for name in page.evaluate("presets.BUILT_IN.map((each) => each.name)"):
            page.get_by_label("Preset", exact=True).select_option(label=name)
            wanted = page.evaluate("name => presets.BUILT_IN.find((each) => each.name === name).setup", name)
            assert setup(page) == {"model": MODEL, **wanted}
            for model in profiles.PROFILES:
                body = {"setup": {**wanted, "model": f"models/{model}"}}
                told = page.evaluate("body => server.ask('check', body)", body)
                assert told["ok"]
                assert told["ignored"] == [], name

    def test_ones_own_are_kept_renamed_and_deleted(self, start: Any, new_page: Any) -> None:
        server = start()
        page = draw(new_page(), server)
        open_all(page)
        field(page, TEMPERATURE).locator("input").fill("0.25")
        page.get_by_label("Name").fill("Mine")
        page.get_by_role("button", name="Save these settings").click()
        draw(page, server)
        open_all(page)
        page.get_by_label("Preset", exact=True).select_option(label="Mine")
        assert setup(page)["generationConfig"] == {"temperature": 0.25}
        page.get_by_label("Name").fill("Patient listener")
        page.get_by_role("button", name="Rename “Mine”").click()
        page.get_by_text("comes along and cannot be replaced").wait_for()
        page.get_by_label("Name").fill("Ours")
        page.get_by_role("button", name="Rename “Mine”").click()
        page.get_by_role("button", name="Delete “Ours”").click()
        assert page.evaluate("settings.presets.own.value") == []

    def test_travel_in_a_file(self, start: Any, new_page: Any) -> None:
        server = start()
        page = draw(new_page(), server)
        open_all(page)
        page.evaluate("settings.presets.save('Mine', { generationConfig: { seed: 7 } })")
        with page.expect_download() as download:
            page.get_by_role("button", name="Export as a file").click()
        kept = download.value.path().read_bytes()
        page.evaluate("settings.presets.remove('Mine')")
        box = page.get_by_label("Import a file")
        box.set_input_files({"name": "presets.json", "mimeType": "application/json", "buffer": kept})
        page.get_by_text("One preset was imported.").wait_for()
        assert page.evaluate("settings.presets.own.value") == [
            {"name": "Mine", "setup": {"generationConfig": {"seed": 7}}}
        ]
        box.set_input_files({"name": "other.json", "mimeType": "application/json", "buffer": b'{"presets": 1}'})
        page.get_by_text("other.json: This is no file of presets").wait_for()

    def test_a_browser_that_keeps_nothing_is_told(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start())
        told = page.evaluate("""() => {
          const broken = { getItem: () => { throw new Error("no"); }, setItem: () => { throw new Error("no"); } };
          try { new presets.Presets(broken).save("Mine", {}); } catch (error) { return error.message; }
        }""")
        assert "does not let the page keep anything" in told


SECRETS = {
    "model": MODEL,
    "generationConfig": {"maxOutputTokens": 100},
    "contextWindowCompression": {"triggerTokens": "1000"},
    "sessionResumption": {"handle": "of-mine-1"},
    "tools": [
        {
            "mcpServers": [
                {
                    "name": "mine",
                    "streamableHttpTransport": {
                        "url": "https://me:of-mine-2@tools.example/mcp?key=of-mine-3#of-mine-8",
                        "headers": {"Cookie": "of-mine-4"},
                    },
                }
            ]
        },
        {"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"token": {}}}}]},
        {"googleMaps": {"authConfig": {"apiKey": "of-mine-5"}}},
    ],
    "labels": {"api_key": "of-mine-6", "team": "voice", "Authorization": "of-mine-7"},
}
CLEAN = {
    **SECRETS,
    "sessionResumption": {},
    "tools": [
        {
            "mcpServers": [
                {"name": "mine", "streamableHttpTransport": {"url": "https://tools.example/mcp"}},
            ]
        },
        SECRETS["tools"][1],
        {"googleMaps": {}},
    ],
    "labels": {"team": "voice"},
}


class TestLinks:
    def test_hold_the_settings_and_no_secrets(self, start: Any, new_page: Any) -> None:
        server = start()
        page = draw(new_page(permissions=["clipboard-read", "clipboard-write"]), server)
        replace(page, SECRETS)
        page.get_by_role("button", name="Copy link").click()
        told = page.get_by_text("The link is copied. Left out of it: ").inner_text()
        assert "sessionResumption.handle" in told
        assert "of-mine" not in told
        link = "#" + page.evaluate("navigator.clipboard.readText()").partition("#")[2]
        assert link.startswith("#s=")
        draw(page, server, link=link)
        assert setup(page) == CLEAN
        page.get_by_text("These settings come from a link, which holds no keys").wait_for()

    def test_another_one_in_the_same_page_is_opened_too(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start())
        link = page.evaluate("share.encode({ model: 'models/gemini-3.8-live', generationConfig: { seed: 3 } })")
        page.evaluate("link => { location.hash = link; }", link)
        until(page, "settings.setup.value.generationConfig?.seed === 3")

    def test_bring_no_secrets_in_either(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start())
        decoded = page.evaluate(
            """async (value) => {
              const bytes = new TextEncoder().encode(JSON.stringify(value));
              const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"));
              const packed = new Uint8Array(await new Response(stream).arrayBuffer());
              const text = btoa(String.fromCharCode(...packed)).replaceAll("+", "-").replaceAll("/", "_");
              return share.decode("#s=" + text.replace(/=+$/, ""));
            }""",
            SECRETS,
        )
        assert decoded == CLEAN

    def test_broken_ones_are_told_and_change_nothing(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start(), link="#s=AAAA")
        page.get_by_text("The link could not be opened: it is incomplete").wait_for()
        assert setup(page) == {"model": MODEL, **CAPTIONS, "sessionResumption": {}}
        for link in ("#s=", "#s=%%%", "#s=" + "A" * 200_000, "#other", ""):
            page.evaluate("async (link) => { settings.notice.value = ''; await settings.open(link); }", link)
            assert page.evaluate("settings.notice.value").startswith("The link could not") == link.startswith("#s=")
            assert setup(page) == {"model": MODEL, **CAPTIONS, "sessionResumption": {}}

    def test_a_small_one_that_unpacks_to_very_much_is_refused(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start())
        told = page.evaluate("""async () => {
          const link = await share.encode({ systemInstruction: "x".repeat(3_000_000) });
          return share.decode(link).catch((error) => error.message);
        }""")
        assert told == "it is too long"

    def test_hold_text_and_nothing_that_runs(self, start: Any, new_page: Any) -> None:
        server = start()
        page = draw(new_page(), server)
        evil = {
            "model": '<img src=x onerror="window.ran = 1">',
            "systemInstruction": "<script>window.ran = 1</script>",
            "tools": [{"functionDeclarations": [{"name": "<b onclick=alert(1)>"}, None, 1]}, None],
            "generationConfig": "not an object",
            "realtimeInputConfig": [1],
            "labels": {"__proto__": {"polluted": True}},
        }
        link = page.evaluate("value => share.encode(value)", evil)
        open_blank(page, server, "settings")
        load(page, preact="vendor/preact.js", state="settings/state.js", panel="settings/panel.js")
        page.evaluate(DRAW, ["panel", f"#{link}"])
        until(page, "settings.verdicts.value && settings.facts.value")
        assert page.locator("#app img, #app script, #app b").count() == 0
        assert page.evaluate("[window.ran, {}.polluted]") == [None, None]


class TestCode:
    def test_is_shown_for_each_client_and_follows_the_settings(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(permissions=["clipboard-read", "clipboard-write"]), start(), "code")
        page.get_by_text("from google import genai").wait_for()
        page.evaluate("settings.set('generationConfig.temperature', 0.125)")
        page.get_by_text('"temperature": 0.125').wait_for()
        page.get_by_role("tab", name="Python").press("ArrowRight")
        page.get_by_text("temperature: 0.125").wait_for()
        assert page.evaluate("document.activeElement.textContent.trim()") == "JavaScript"
        page.get_by_role("button", name="Copy talk.mjs").click()
        page.get_by_text("Copied.").wait_for()
        assert "new GoogleGenAI" in page.evaluate("navigator.clipboard.readText()")
        page.get_by_role("tab", name="curl").click()
        page.get_by_text("auth_tokens").first.wait_for()

    def test_a_setup_that_cannot_be_read_is_named(self, start: Any, new_page: Any) -> None:
        page = draw(new_page(), start(), "code")
        page.evaluate("settings.set('generationConfig.topK', 'many')")
        page.get_by_role("alert").get_by_text("setup.generationConfig.topK").wait_for()
        page.problems.clear()


@pytest.mark.parametrize(
    "look",
    [
        {"viewport": {"width": 1000, "height": 800}, "color_scheme": "light"},
        {"viewport": {"width": 320, "height": 700}, "color_scheme": "dark"},
    ],
    ids=["light", "narrow dark"],
)
@pytest.mark.parametrize("component", ["panel", "code"])
def test_nobody_is_kept_out(start: Any, new_page: Any, axe: Any, look: dict[str, Any], component: str) -> None:
    page = draw(new_page(**look), start(), component)
    replace(page, {"generationConfig": {"temperature": 9}, "tools": [{"functionDeclarations": [{"name": "f"}]}]})
    until(page, "settings.verdicts.value?.refused")
    for path in (
        (TEMPERATURE, "tools[].functionDeclarations", "inputAudioTranscription") if component == "panel" else ()
    ):
        field(page, path)
    if component == "code":
        page.get_by_text("asyncio.run").wait_for()
    assert axe(page) == []
