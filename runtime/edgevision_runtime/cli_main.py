"""How a command ends: the exit code, one line for an expected failure, a clean stop for SIGTERM and Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import click

from edgevision_runtime.errors import EdgeVisionError

INTERRUPTED = 130
INTERNAL_ERROR = 70


def run_command(command: click.Command, name: str) -> int:
    """Run a click command; returns the exit code of the design's table."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        result = command.main(prog_name=name, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except EdgeVisionError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:  # noqa: BLE001 - the outermost frame: a fault of ours, shown whole, exit 70
        traceback.print_exc()
        click.echo(f"internal error: {error}; this is a fault in {name}, please report the lines above", err=True)
        return INTERNAL_ERROR


class Stop(threading.Event):
    """Set when SIGTERM or Ctrl-C asks a loop to end after the frame it is at."""

    is_interrupt = False  # it was Ctrl-C


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Yield an event that SIGTERM and the first Ctrl-C set; a second Ctrl-C interrupts at once."""
    stop = Stop()

    def ask(signum: int, frame: object) -> None:
        if stop.is_set() and signum == signal.SIGINT:
            raise KeyboardInterrupt
        stop.is_interrupt = signum == signal.SIGINT
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(signum: int, frame: object) -> None:
    raise KeyboardInterrupt
