"""A coordinator as a process, and requests to it.

Promise: every wait has a limit, and every request ends within REQUEST_SECONDS.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import time

# Time limit of one request, in seconds.
REQUEST_SECONDS = 40
# Time limit of a start until the coordinator is ready, in seconds.
READY_SECONDS = 60
# Time limit of a clean stop, in seconds.
STOP_SECONDS = 30
# Interval at which a condition is checked, in seconds.
POLL_SECONDS = 0.005
ADDRESS = re.compile(r"^coordinator on http://([0-9.]+):([0-9]+)", re.MULTILINE)


class Answer(Exception):
    """An answer with an error status."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body[:500].decode(errors='replace')}")
        self.status = status
        self.body = body


class Lost(Exception):
    """There was no answer: the coordinator has ended, or does not answer in time."""


class Client:
    """One connection, for one thread."""

    def __init__(self, address):
        self.address = address
        self.connection = None

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def send(self, method, path, body=None, headers=None):
        """The body of the answer. Raises `Answer` for an error status and `Lost` without an answer."""
        if isinstance(body, (dict, list)):
            headers = {"Content-Type": "application/json", **(headers or {})}
            body = json.dumps(body).encode()
        if self.connection is None:
            self.connection = http.client.HTTPConnection(*self.address, timeout=REQUEST_SECONDS)
        try:
            self.connection.request(method, path, body=body, headers=headers or {})
            answer = self.connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Lost(repr(error)) from error
        if answer.status >= 400:
            raise Answer(answer.status, content)
        return content

    def json(self, method, path, body=None, headers=None):
        return json.loads(self.send(method, path, body, headers))

    def pages(self, path):
        """All entries of a list."""
        items, cursor = [], ""
        while True:
            page = self.json("GET", f"{path}{'&' if '?' in path else '?'}limit=10000{cursor}")
            items += page["items"]
            if not page.get("next"):
                return items
            cursor = f"&cursor={page['next']}"


def environment(home):
    """The environment of this process without settings of dtf and without the user's files."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DTF_")}
    return {**kept, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)}


class Coordinator:
    """One process of `dtf coordinator`. `wrapper`: a command that starts it, such as strace."""

    def __init__(self, binary, data, wrapper=(), flags=()):
        self.data = pathlib.Path(data)
        self.output = self.data.with_name(self.data.name + ".stderr")
        # The ledger knows only what the load has submitted: no runs that confirm changes.
        command = [*wrapper, str(binary), "coordinator", "--listen", "127.0.0.1:0", "--confirm-changes=false"]
        command += ["--data-dir", str(data), *flags]
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                env=environment(self.data.parent),
                start_new_session=True,
            )
        self.address = None

    def errors(self):
        return self.output.read_text(errors="replace")

    def has_ended(self):
        return self.process.poll() is not None

    def wait_listening(self, seconds=READY_SECONDS):
        """Whether the process has opened its address; False when it has exited."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            match = ADDRESS.search(self.errors())
            if match:
                self.address = (match[1], int(match[2]))
                return True
            if self.has_ended():
                return False
            time.sleep(POLL_SECONDS)
        raise TimeoutError(f"the coordinator did not start within {seconds} s: {self.errors()}")

    def wait_ready(self, seconds=READY_SECONDS):
        """Whether the coordinator is ready; False when it has exited."""
        if not self.wait_listening(seconds):
            return False
        client, deadline, reason = Client(self.address), time.monotonic() + seconds, None
        while time.monotonic() < deadline:
            try:
                client.send("GET", "/health/ready")
                client.close()
                return True
            except Answer as answer:
                reason = answer
            except Lost as lost:
                reason = lost
            if self.has_ended():
                return False
            time.sleep(POLL_SECONDS)
        raise TimeoutError(f"the coordinator was not ready within {seconds} s: {reason}")

    def client(self):
        return Client(self.address)

    def kill(self):
        """SIGKILL to the process and to what wraps it."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def stop(self):
        """SIGTERM; returns the exit code. A process that does not end in time is killed."""
        if not self.has_ended():
            # The process only: what wraps it ends with it.
            self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"the coordinator did not stop within {STOP_SECONDS} s") from None
