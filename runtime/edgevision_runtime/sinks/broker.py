"""The connection to an MQTT broker: made, lost, and made again when somebody asks for it."""

from __future__ import annotations

import secrets
import socket
import ssl
import threading
import time
from typing import Any

from edgevision_runtime.errors import MissingDependency
from edgevision_runtime.sinks import SinkUnavailable
from edgevision_runtime.sinks.mqtt_address import BrokerAddress
from edgevision_runtime.sinks.slugs import slug

CONNECTS_WITHIN_S = 5.0
KEEPALIVE_S = 15  # after one and a half of which the broker says that we are gone, and we say so of the broker
UNANSWERED = 200  # messages under way before new ones wait
ANSWERS_WITHIN_S = 5.0
SAYS_GOODBYE_WITHIN_S = 0.3
ONLINE, OFFLINE = "online", "offline"
HANGS_UP = "hangs up before it answers; TLS on one side only, or does it want a certificate?"
BAD_CREDENTIALS = ("Bad user name or password", "Not authorized")


class Broker:
    """Publishes, and keeps what is to be kept: it is published again after each new connection.

    Raises (all methods but `close`):
        SinkUnavailable: the broker is not there, refuses, or does not answer; the text says which.
    """

    def __init__(self, address: BrokerAddress) -> None:
        """Nothing is connected yet. Raises MissingDependency without paho-mqtt."""
        try:
            from paho.mqtt import client as paho
        except ImportError as error:
            raise MissingDependency(
                f"paho-mqtt cannot be imported ({error})", hint='pip install "edgevision-runtime[mqtt]"'
            ) from error
        self._paho, self._address = paho, address
        self._answered = threading.Event()  # the broker has accepted or refused the connection, or hung up
        self._answer = ""  # why it did not accept it
        self._is_connected = False
        self._kept: dict[str, str] = {}
        self._status_topic = f"{address.base}/status"
        self._heard: dict[str, str] = {}  # what the broker has kept under the topics asked for, from an earlier run
        self._pattern: str | None = None
        self._client = self._make_client()

    def ensure(self) -> None:
        """Be connected."""
        if self._is_connected:
            return
        self._connect()
        self._client.publish(self._status_topic, ONLINE, qos=1, retain=True)
        for topic, payload in self._kept.items():
            self._client.publish(topic, payload, qos=1, retain=True)
        if self._pattern is not None:
            self._client.subscribe(self._pattern)

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Hand a message over; with a quality of 1 or 2 it survives a lost connection."""
        self.ensure()
        ends_s = time.monotonic() + ANSWERS_WITHIN_S
        while True:
            outcome = self._client.publish(topic, payload, self._address.qos, retain).rc
            if outcome == self._paho.MQTT_ERR_SUCCESS:
                return
            if outcome != self._paho.MQTT_ERR_QUEUE_SIZE:  # the connection went in this moment
                if self._address.qos:  # the client keeps it
                    return
                raise SinkUnavailable(self._lost("hung up"))
            if time.monotonic() > ends_s or not self._is_connected:
                raise SinkUnavailable(self._lost("does not confirm what it is sent"))
            time.sleep(0.02)

    def keep(self, topic: str, payload: str) -> None:
        """Publish something that the broker shall keep for who comes later, unless it has it already."""
        if self._kept.get(topic) == payload:
            return
        self._kept[topic] = payload
        self.publish(topic, payload, retain=True)

    def listen(self, pattern: str) -> None:
        """From the next connection on, hear what the broker has kept under these topics."""
        self._pattern = pattern

    def heard(self) -> dict[str, str]:
        """What was heard since the last call, by topic."""
        heard, self._heard = self._heard, {}
        return heard

    def close(self) -> None:
        """Say goodbye, within a moment."""
        if not self._is_connected:
            return
        goodbye = self._client.publish(self._status_topic, OFFLINE, qos=1, retain=True)
        ends_s = time.monotonic() + SAYS_GOODBYE_WITHIN_S
        while not goodbye.is_published() and self._is_connected and time.monotonic() < ends_s:
            time.sleep(0.01)
        self._answered.clear()
        self._client.disconnect()
        self._answered.wait(max(0.0, ends_s - time.monotonic()))

    def _make_client(self) -> Any:
        address, paho = self._address, self._paho
        name = address.client_id or f"edgevision-{slug(address.base)[-20:]}-{secrets.token_hex(4)}"
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, name, reconnect_on_failure=False)
        client.connect_timeout = CONNECTS_WITHIN_S
        client.max_queued_messages_set(UNANSWERED)
        client.will_set(self._status_topic, OFFLINE, qos=1, retain=True)
        if address.user is not None:
            client.username_pw_set(address.user, address.password)
        if address.tls is not None:
            client.tls_set_context(address.tls)
        client.on_connect, client.on_disconnect, client.on_message = self._accept, self._hang_up, self._hear
        return client

    def _connect(self) -> None:
        self._client.loop_stop()  # that of a lost connection
        self._answered.clear()
        try:
            self._client.connect(self._address.host, self._address.port, KEEPALIVE_S)
        except ssl.SSLCertVerificationError as error:
            raise SinkUnavailable(self._lost(f"is not trusted: {error.verify_message}")) from error
        except ssl.SSLError as error:
            raise SinkUnavailable(self._lost(f"does not speak TLS as asked ({error.reason})")) from error
        except ConnectionResetError as error:
            raise SinkUnavailable(self._lost(HANGS_UP)) from error
        except socket.timeout as error:
            raise SinkUnavailable(self._lost("does not answer")) from error
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise SinkUnavailable(self._lost(f"cannot be reached: {why}")) from error
        self._client.loop_start()
        if not self._answered.wait(CONNECTS_WITHIN_S):
            self._answer = "does not answer"
        if not self._is_connected:
            self._client.disconnect()
            raise SinkUnavailable(self._lost(self._answer))

    def _accept(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        """The broker has answered."""
        if not reason.is_failure:
            self._is_connected = True
        elif str(reason) not in BAD_CREDENTIALS:
            self._answer = f"refuses the connection: {reason}"
        elif self._address.user is None:
            self._answer = "wants a user name and a password"
        else:
            self._answer = "refuses the user name or password"
        self._answered.set()

    def _hang_up(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        """The connection is gone, whoever ended it."""
        self._is_connected = False
        if not self._answered.is_set():
            self._answer = HANGS_UP
        self._answered.set()

    def _hear(self, client: Any, userdata: Any, message: Any) -> None:
        if message.retain:
            self._heard[message.topic] = message.payload.decode("utf-8", "replace")

    def _lost(self, what: str) -> str:
        return f"broker {self._address.place} {what}"
