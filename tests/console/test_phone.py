"""How a phone gets here, and what it is told when it cannot."""

from pathlib import Path

import httpx
import pytest

from antiphon.calls.desk import Installation
from antiphon.calls.recording import RecordingConfig
from antiphon.console import lan
from antiphon.console.phone import phone
from antiphon.console.qr_code import qr


def installed(**changes):
    settings = {
        "version": "1",
        "host": "0.0.0.0",
        "port": 8080,
        "tls_port": 8443,
        "names": (),
        "ca": Path("ca.pem"),
        "data_dir": Path(),
        "keeps_content": False,
        "recording": RecordingConfig(),
    }
    return Installation(**{**settings, **changes})


def told(**changes):
    return phone(installed(**changes), lambda: ["192.168.1.5", "fd00::5"])


class TestAddresses:
    def test_every_address_of_a_server_for_all(self):
        assert told().addresses == ("https://192.168.1.5:8443/console/", "https://[fd00::5]:8443/console/")

    def test_the_names_of_the_certificate_come_first(self):
        assert told(names=("voice.lan", "*.lan")).addresses[0] == "https://voice.lan:8443/console/"

    def test_one_address_is_that_one(self):
        assert told(host="10.0.0.7").addresses == ("https://10.0.0.7:8443/console/",)

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
    def test_none_while_only_this_computer_is_answered(self, host):
        phone = told(host=host)
        assert phone.addresses == ()
        assert "--host 0.0.0.0" in phone.obstacles[0].remedy

    def test_this_machine_has_no_loopback_for_others(self):
        assert not any(address.startswith("127.") or address == "::1" for address in lan.addresses())


class TestObstacles:
    def test_a_certificate_that_does_not_name_the_address(self):
        assert "--tls-name 192.168.1.5" in told().obstacles[0].remedy
        assert told(names=("192.168.1.5", "fd00::5")).obstacles == ()

    def test_no_tls(self):
        phone = told(tls_port=None)
        assert phone.addresses[0] == "http://192.168.1.5:8080/console/"
        assert "microphone" in phone.obstacles[0].what


class TestPage:
    def test_the_certificate_of_the_authority_is_for_everybody(self, start):
        server = start(keys=["k"])
        answer = httpx.get(f"{server.url}/console/ca.crt")
        assert answer.text == server.ca.read_text()
        assert answer.headers["content-type"] == "application/x-x509-ca-cert"

    def test_the_code_is_drawn(self, start):
        answer = httpx.get(f"{start(tls_names=['voice.lan']).url}/console/phone", headers={"accept": "text/html"})
        assert answer.status_code == 200
        assert "this computer only" in answer.text

    def test_a_code_cannot_break_out_of_the_page(self):
        assert "<script>" not in qr("https://x/<script>")
