"""A real MQTT broker (mosquitto), a listener, and certificates, for tests."""

from __future__ import annotations

import datetime
import ipaddress
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt import client as paho

from tests.edgevision_runtime.sinks.messages import eventually

IS_INSTALLED = shutil.which("mosquitto") is not None or Path("/usr/sbin/mosquitto").exists()
MISSING = "needs mosquitto (apt-get install mosquitto)"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A broker on loopback; `kill` and `start` as often as wanted. A context manager."""

    def __init__(self, folder: Path, *, password: str | None = None, tls: Certificates | None = None) -> None:
        self.port = free_port()
        lines = [f"listener {self.port} 127.0.0.1", "user root", "persistence false", "log_type none"]
        lines.append(f"allow_anonymous {'false' if password else 'true'}")
        if password:
            subprocess.run(
                ["mosquitto_passwd", "-b", "-c", str(folder / "passwords"), "pole-3", password],
                check=True, capture_output=True,
            )  # fmt: skip
            lines.append(f"password_file {folder / 'passwords'}")
        if tls is not None:
            lines += [f"cafile {tls.ca}", f"certfile {tls.certificate}", f"keyfile {tls.key}"]
        self._settings = folder / "mosquitto.conf"
        self._settings.write_text("\n".join(lines) + "\n")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.process = subprocess.Popen([program, "-c", str(self._settings)], stderr=subprocess.DEVNULL)
        assert eventually(self._answers)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Listener:
    """Remembers everything that is published. A context manager."""

    def __init__(self, port: int, user: str | None = None, password: str | None = None) -> None:
        self.heard: list[tuple[str, str, bool]] = []  # topic, payload, whether the broker had kept it
        self._is_subscribed = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        if user is not None:
            self._client.username_pw_set(user, password)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self._is_subscribed.set()
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._is_subscribed.wait(20)

    def on(self, topic: str) -> list[str]:
        return [payload for heard, payload, _ in list(self.heard) if heard == topic]

    def kept(self) -> dict[str, str]:
        return {topic: payload for topic, payload, is_kept in list(self.heard) if is_kept}

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _hear(self, client: Any, userdata: Any, message: Any) -> None:
        self.heard.append((message.topic, message.payload.decode(), bool(message.retain)))


class Certificates:
    """An authority of its own and a certificate for 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.ca, self.certificate, self.key = folder / "ca.pem", folder / "server.pem", folder / "server.key"
        authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        name = _name("test authority")
        self.ca.write_bytes(_pem(_certificate(name, name, authority.public_key(), authority, is_authority=True)))
        self.certificate.write_bytes(_pem(_certificate(_name("broker"), name, own.public_key(), authority)))
        self.key.write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: Any, signer: ec.EllipticCurvePrivateKey, *, is_authority: bool = False
) -> x509.Certificate:
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), now - day, now + day)
    built = built.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    built = built if is_authority else built.add_extension(names, critical=False)
    return built.sign(signer, hashes.SHA256())
