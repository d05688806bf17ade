"""Tests of the warm runner, through its socket, as a worker drives it.

Only the standard library is preloaded, so no model package is needed; one test with
torch is skipped where torch is absent. Nothing sleeps: every wait ends with an answer
of the runner or with the end of a pipe.
"""

import contextlib
import importlib.util
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

import pytest

RUNNER = pathlib.Path(__file__).parents[2] / "src" / "worker" / "warm" / "warm_runner.py"
ANSWER_SECONDS = 60

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the warm runner is for Linux"
)


class Warm:
    """A running warm runner and the worker's end of its socket."""

    def __init__(self, *modules):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", str(RUNNER), *modules], stdin=theirs
            )
        ours.settimeout(ANSWER_SECONDS)
        self.socket = ours
        self.lines = ours.makefile("rb")
        self.first = self.receive()
        self.count = 0

    def receive(self):
        line = self.lines.readline()
        return json.loads(line) if line else None

    def request(self, script, **changes):
        self.count += 1
        run = {"id": f"t{self.count}", "script": str(script), "args": [], "env": {}}
        run.update(cwd=os.path.dirname(script), limits={"core": 0})
        run.update(changes)
        return run

    def start(self, run, cut_at=None):
        """Sends a request with fresh pipes; returns the reading ends."""
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        message = json.dumps({"run": run}).encode() + b"\n"
        cut = len(message) if cut_at is None else cut_at
        socket.send_fds(self.socket, [message[:cut]], [out_write, err_write])
        self.socket.sendall(message[cut:])
        os.close(out_write)
        os.close(err_write)
        return open(out_read, encoding="utf-8"), open(err_read, encoding="utf-8")

    def run(self, script, **changes):
        """Runs a script to its end: the exit report, its output, and its errors."""
        out, err = self.start(self.request(script, **changes))
        with out, err:
            started = self.receive()
            if "refused" in started:
                return started, "", ""
            text, errors = out.read(), err.read()
        return self.receive()["exited"], text, errors

    def close(self):
        self.lines.close()
        self.socket.close()
        return self.process.wait(ANSWER_SECONDS)


@pytest.fixture
def warm():
    warm = Warm("json")
    assert "ready" in warm.first, warm.first
    yield warm
    with contextlib.suppress(OSError):
        assert warm.close() == 0


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / f"test_{len(list(tmp_path.iterdir()))}.py"
        path.write_text(text)
        return str(path)

    return write


def test_ready_names_the_modules(warm):
    ready = warm.first["ready"]
    assert ready["pid"] == warm.process.pid
    assert ready["modules"] == {"json": json.__version__}
    assert ready["preload_seconds"] >= 0


def test_a_missing_module_is_reported():
    warm = Warm("no_such_module_anywhere")
    assert "no_such_module_anywhere" in warm.first["failed"]
    assert warm.close() == 3


def test_a_module_that_starts_a_thread_makes_forking_unsafe(tmp_path):
    (tmp_path / "busy.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    # -I ignores PYTHONPATH, so the module is in a directory that -I keeps.
    loader = tmp_path / "load.py"
    loader.write_text(
        f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        f"sys.argv = ['x', 'busy']; runpy.run_path({str(RUNNER)!r}, run_name='__main__')\n"
    )
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen([sys.executable, "-I", str(loader)], stdin=theirs)
        ours.settimeout(ANSWER_SECONDS)
        assert "threads" in json.loads(ours.recv(4096))["unsafe"]
        assert process.wait(ANSWER_SECONDS) == 4


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("pass", 0),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(77)", 77),
        ("import sys; sys.exit(-1)", 255),
        ("import sys; sys.exit(True)", 1),
        ("import os; os._exit(5)", 5),
        ("raise SystemExit('went wrong')", 1),
        ("raise ValueError('went wrong')", 1),
        ("this is not Python", 1),
    ],
)
def test_exit_codes_are_those_of_python(warm, script, text, code):
    path = script(text)
    cold = subprocess.run([sys.executable, path], capture_output=True, text=True)
    exited, output, errors = warm.run(path)
    assert (exited["code"], exited["signal"]) == (code, None) == (cold.returncode, None)
    assert output == cold.stdout
    assert errors.splitlines()[-1:] == cold.stderr.splitlines()[-1:]


def test_a_traceback_shows_the_script_and_not_the_runner(warm, script):
    _, _, errors = warm.run(script("def f():\n    raise ValueError('x')\nf()\n"))
    assert "in f" in errors
    assert "runpy" not in errors and "warm_runner" not in errors


def test_an_end_by_signal_is_reported(warm, script):
    exited, _, _ = warm.run(script("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"))
    assert (exited["code"], exited["signal"]) == (None, signal.SIGSEGV)
    exited, _, errors = warm.run(script("raise KeyboardInterrupt"))
    assert exited["signal"] == signal.SIGINT
    assert "KeyboardInterrupt" in errors


def test_a_child_ends_on_sigterm(warm, script):
    out, err = warm.start(
        warm.request(script("import signal; print('up', flush=True); signal.pause()"))
    )
    with out, err:
        pid = warm.receive()["started"]["pid"]
        assert out.readline() == "up\n"
        os.killpg(pid, signal.SIGTERM)
        assert warm.receive()["exited"]["signal"] == signal.SIGTERM


def test_the_child_is_set_up_when_it_is_reported_as_started(warm, script):
    out, err = warm.start(warm.request(script("import signal; signal.pause()")))
    with out, err:
        pid = warm.receive()["started"]["pid"]
        assert os.getpgid(pid) == pid == os.getsid(pid)
        os.killpg(pid, signal.SIGTERM)
        assert warm.receive()["exited"]["signal"] == signal.SIGTERM


def test_children_do_not_see_each_other(warm, script, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    dirty = script(
        "import json, os, sys\n"
        "os.environ['LEFT'] = 'x'; os.chdir('/'); sys.path.append('/left')\n"
        "sys.modules['left'] = json; json.left = 1; sys.argv.append('left')\n"
    )
    clean = script(
        "import json, os, sys\n"
        "print(json.dumps([dict(os.environ), os.getcwd(), sys.argv, 'left' in sys.modules,\n"
        "    hasattr(json, 'left'), '/left' in sys.path, sys.path[0], __name__, __file__]))\n"
    )
    assert warm.run(dirty)[0]["code"] == 0
    env = {"ONLY": "this", "NAME": "ümlaut '\""}
    _, output, _ = warm.run(clean, env=env, cwd=str(elsewhere), args=["a b", "ü"])
    seen_env, *seen = json.loads(output)
    assert seen_env == env
    assert seen[:2] == [str(elsewhere), [clean, "a b", "ü"]]
    assert seen[2:5] == [False, False, False]
    assert seen[5:] == [os.path.dirname(clean), "__main__", clean]


def test_native_code_sees_the_environment(warm, script):
    path = script(
        "import ctypes\n"
        "c = ctypes.CDLL(None); c.getenv.restype = ctypes.c_char_p\n"
        "print(c.getenv(b'GIVEN'), c.getenv(b'PATH'))\n"
    )
    _, output, _ = warm.run(path, env={"GIVEN": "yes"})
    assert output == "b'yes' None\n"


def test_only_the_standard_descriptors_are_open(warm, script):
    path = script(
        "import os\n"
        "names = sorted(os.listdir('/proc/self/fd'), key=int)\n"
        "print([n for n in names if os.path.exists('/proc/self/fd/' + n)], os.read(0, 1))\n"
    )
    for _ in range(3):
        _, output, _ = warm.run(path)
        assert output == "['0', '1', '2'] b''\n"


def test_the_runner_leaks_no_descriptor(warm, script):
    path = script("pass")

    def held():
        return len(os.listdir(f"/proc/{warm.process.pid}/fd"))

    warm.run(path)
    before = held()
    for _ in range(5):
        warm.run(path)
        warm.run(path, cwd="/no/such/directory")
        warm.run(path, env=[])
    assert held() == before


def test_all_processes_of_a_test_inherit_its_label(warm, script):
    path = script(
        "import subprocess\n"
        "limits = subprocess.run(['cat', '/proc/self/limits'], env={}, capture_output=True, text=True)\n"
        "print([line for line in limits.stdout.splitlines() if 'file locks' in line])"
    )
    label = 2**62 + 5
    _, output, _ = warm.run(path, label=label)
    assert f" {label} " in output
    _, output, _ = warm.run(path)
    assert str(label) not in output


def test_limits_are_applied(warm, script):
    path = script(
        "import resource\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    _, output, _ = warm.run(path, limits={"core": 0, "nofile": 64})
    assert output == "(0, 0) (64, 64)\n"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cwd": "/no/such/directory"}, "No such file"),
        ({"cwd": None}, "cwd"),
        ({"args": [1]}, "args"),
        ({"env": {"A=B": "x"}}, "env"),
        ({"env": {"A": "\0"}}, "env"),
        ({"env": {"A": "\ud800"}}, "UnicodeEncodeError"),
        ({"limits": {"no_such": 1}}, "no_such"),
        ({"limits": {"core": -1}}, "core"),
    ],
)
def test_a_wrong_request_is_refused_with_its_id(warm, script, changes, reason):
    path = script("pass")
    refused, _, _ = warm.run(path, **changes)
    assert refused["refused"]["id"] == "t1"
    assert reason in refused["refused"]["reason"]
    assert warm.run(path)[0]["code"] == 0


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b"null", b'{"run": 1}', b'{"run": {}}', b"\xff\xfe", b"[" * 100_000, b""],
)
def test_a_malformed_line_is_refused(warm, script, line):
    warm.socket.sendall(line + b"\n")
    assert warm.receive()["refused"]["id"] is None
    assert warm.run(script("print('still here')"))[1] == "still here\n"


def test_descriptors_must_be_two(warm, script):
    run = warm.request(script("pass"))
    message = json.dumps({"run": run}).encode() + b"\n"
    warm.socket.sendall(message)
    assert "0 arrived" in warm.receive()["refused"]["reason"]
    socket.send_fds(warm.socket, [message], [0, 1, 2])
    assert "3 arrived" in warm.receive()["refused"]["reason"]


def test_an_endless_line_is_refused_and_dropped(warm, script):
    warm.socket.sendall(b"x" * (3 * 1024 * 1024) + b"\n")
    assert "1048576 bytes" in warm.receive()["refused"]["reason"]
    assert warm.run(script("print('still here')"))[1] == "still here\n"


def test_divided_and_joined_requests_keep_their_descriptors(warm, script):
    seeded = random.Random(1)
    path = script("import sys; print(sys.argv[1])")
    pipes = []
    for number in range(40):
        run = warm.request(path, args=[str(number)], env={"FILL": "x" * seeded.randrange(90_000)})
        pipes.append(warm.start(run, cut_at=seeded.randrange(1, 400)))
    for number, (out, err) in enumerate(pipes):
        with out, err:
            assert (out.read(), err.read()) == (f"{number}\n", "")
    answers = [warm.receive() for _ in range(80)]
    assert sum("exited" in answer for answer in answers) == 40


def test_many_children_run_at_once(warm, script, tmp_path):
    # Each child waits for one line of a named pipe, which is written only when all have started.
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    path = script(
        "import os\n"
        f"gate = os.open({str(gate)!r}, os.O_RDONLY)\n"
        "print('up', flush=True); os.read(gate, 3)\n"
    )
    opened = os.open(gate, os.O_RDWR)
    pipes = [warm.start(warm.request(path)) for _ in range(20)]
    assert len({warm.receive()["started"]["pid"] for _ in pipes}) == 20
    for out, _ in pipes:
        assert out.readline() == "up\n"
    for _ in pipes:
        os.write(opened, b"go\n")
        assert warm.receive()["exited"]["code"] == 0
    os.close(opened)
    for out, err in pipes:
        out.close()
        err.close()


def test_leftover_processes_of_a_child_are_killed(warm, script):
    path = script(
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
    )
    exited, _, _ = warm.run(path)  # returns because the pipe ends with its last holder
    assert exited["code"] == 0


@pytest.mark.parametrize("how", ["close", "terminate"])
def test_the_end_of_the_worker_ends_all(script, how):
    warm = Warm("json")
    path = script(
        "import subprocess, sys\n"
        "sleeper = [sys.executable, '-c', 'import signal; signal.pause()']\n"
        "subprocess.Popen(sleeper); print('up', flush=True); subprocess.run(sleeper)\n"
    )
    out, err = warm.start(warm.request(path))
    with out, err:
        assert out.readline() == "up\n"
        if how == "close":
            assert warm.close() == 0
        else:
            warm.process.terminate()
            assert warm.process.wait(ANSWER_SECONDS) == 0
            warm.close()
        assert out.read() == ""  # ends only when every holder is dead


def test_usage_is_reported(warm, script):
    exited, _, _ = warm.run(script("data = bytearray(b'x') * (64 << 20)"))
    assert exited["max_rss_bytes"] > 64 << 20
    assert exited["cpu_seconds"] > 0


def test_randomness_differs_between_children(warm, script):
    path = script("import random, tempfile, uuid; print(random.random(), uuid.uuid4())")
    assert warm.run(path)[1] != warm.run(path)[1]


def test_threads_and_exit_functions_finish(warm, script):
    path = script(
        "import atexit, threading\n"
        "gate = threading.Event()\n"
        "def work():\n    gate.wait()\n    print('worked')\n"
        "threading.Thread(target=work).start()\n"
        "atexit.register(print, 'exited')\n"
        "gate.set()\n"
    )
    assert warm.run(path)[1] == "worked\nexited\n"


def test_a_hundred_runs_are_quick(warm, script):
    path = script("print('ok')")
    started = time.monotonic()
    for _ in range(100):
        assert warm.run(path)[1] == "ok\n"
    # A fresh interpreter takes tens of milliseconds each; the bound leaves room for a busy machine.
    assert time.monotonic() - started < 10


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_torch_works_in_children(script):
    warm = Warm("torch")
    assert "ready" in warm.first, warm.first
    path = script(
        "import torch\n"
        "torch.set_num_threads(2)\n"
        "a = torch.ones(512, 512); print(float((a @ a).sum()))\n"
    )
    cold = subprocess.run([sys.executable, path], capture_output=True, text=True)
    for _ in range(3):
        exited, output, errors = warm.run(path)
        assert (exited["code"], output, errors) == (0, cold.stdout, "")
    drawn = script("import numpy, torch; print(torch.rand(1), numpy.random.rand())")
    assert warm.run(drawn)[1] != warm.run(drawn)[1]
    assert warm.close() == 0
