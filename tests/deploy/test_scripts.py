"""The scripts as a person runs them, in every installed shell, with stubs of the program and of service managers."""

import hashlib
import http.server
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest
from deployment import SHELLS, generate, private, run, stub

LOCAL = "http://127.0.0.1:7700"
# A program that records what it receives: it ends at the first signal, or at the second one while the
# file `busy` exists.
PROGRAM = """
[ "${1:-}" = --version ] && { echo "dtf 0.1.0"; exit 0; }
here=$(dirname "$0")
trap 'echo "TERM" >>"$here/signals"; [ ! -e "$here/busy" ] && exit 0; rm -f "$here/busy"' TERM
printf '%s\\n' "$*" >>"$here/starts"
[ ! -e "$here/code" ] || { code=$(cat "$here/code"); rm -f "$here/code"; exit "$code"; }
while :; do sleep 0.05; done
"""


def until(true, what):
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def processes_below(directory):
    """Processes whose arguments name the directory."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(str(directory) in word for word in words) and str(os.getpid()) != entry.parent.name:
            found.append(words)
    return found


@pytest.fixture(params=SHELLS, ids=lambda words: "-".join(words))
def installed(request, tmp_path):
    """Shell, set and prefix of an installation with a stub of the program."""
    out = generate(tmp_path, "--target=linux", "--mode=nohup", "--id=lab.w_1", "--drain=2s",
                   f"--prefix={tmp_path}/we ird's $HOME", "--env=TEXT=$(touch x)", url=LOCAL)
    stub(out / "dtf", PROGRAM)
    prefix = tmp_path / "we ird's $HOME"

    def control(*args, script=None, **env):
        return run(request.param, script or prefix / "control.sh", *args, home=tmp_path, **env)

    done = control("install", script=out / "control.sh")
    assert done.returncode == 0, done.stderr
    yield control, out, prefix
    control("stop", "--now")
    assert not processes_below(prefix)


def test_install_is_idempotent_and_private(installed):
    control, out, prefix = installed
    before = {path.relative_to(prefix): path.read_bytes() for path in prefix.rglob("*") if path.is_file()}
    assert control("install", script=out / "control.sh").returncode == 0
    assert control("install").returncode == 0, "the installed script installs again, too"
    after = {path.relative_to(prefix): path.read_bytes() for path in prefix.rglob("*") if path.is_file()}
    assert before == after
    for name in ("deploy.conf", "settings.yaml", "environment"):
        assert (prefix / "etc" / name).stat().st_mode & 0o777 == 0o600


def test_start_stop_and_status(installed):
    control, out, prefix = installed
    assert control("status").returncode == 3
    assert control("start").returncode == 0
    until(lambda: lines(prefix / "bin" / "starts"), "the program has not started")
    again = control("start")
    assert again.returncode == 0 and "already" in again.stdout
    assert control("status").returncode == 0
    assert lines(prefix / "bin" / "starts") == [f"worker --config {prefix}/etc/settings.yaml"]
    assert control("stop").returncode == 0
    assert lines(prefix / "bin" / "signals") == ["TERM"]
    assert control("status").returncode == 3 and not processes_below(prefix)
    assert control("stop").returncode == 0, "a second stop changes nothing"


def test_running_tests_may_end_before_the_second_signal(installed):
    control, out, prefix = installed
    (prefix / "bin" / "busy").touch()
    control("start")
    until(lambda: lines(prefix / "bin" / "starts"), "the program has not started")
    begun = time.monotonic()
    assert control("stop").returncode == 0
    assert time.monotonic() - begun >= 2, "the tests had less than --drain"
    assert lines(prefix / "bin" / "signals") == ["TERM", "TERM"]


def test_failures_are_started_again_but_not_wrong_settings(installed):
    control, out, prefix = installed
    starts = prefix / "bin" / "starts"
    (prefix / "bin" / "code").write_text("2")
    assert control("run").returncode == 2
    assert len(lines(starts)) == 1
    (prefix / "bin" / "code").write_text("1")
    # A pause of 5 s would be measured in the log.
    control("start")
    until(lambda: "starting it again" in (prefix / "log" / "worker.log").read_text(), "no restart")
    until(lambda: len(lines(starts)) == 3, "no second start")
    assert control("stop").returncode == 0


def test_a_foreign_process_is_not_taken_for_the_worker(installed):
    control, out, prefix = installed
    other = subprocess.Popen(["sleep", "60"])
    try:
        (prefix / "run" / "worker.pid").write_text(f"{other.pid} 1\n")
        assert control("status").returncode == 3
        assert control("stop").returncode == 0
        assert other.poll() is None, "a process with a reused number was stopped"
        assert control("start").returncode == 0
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert control("status").returncode == 0


def test_a_killed_supervisor_is_noticed(installed):
    control, out, prefix = installed
    control("start")
    until(lambda: lines(prefix / "bin" / "starts"), "the program has not started")
    number = int((prefix / "run" / "worker.pid").read_text().split()[0])
    os.killpg(number, signal.SIGKILL)
    until(lambda: control("status").returncode == 3, "it is reported as running")
    assert control("start").returncode == 0


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: "-".join(words))
def test_a_helper_that_loses_a_signal_ends(tmp_path, shell):
    """A process that has just been forked may lose a signal for which its parent has a trap."""
    out = generate(tmp_path, "--target=linux", "--mode=nohup", url=LOCAL)
    text = (out / "control.sh").read_text()
    function = text[text.index("end_helper() {"):]
    function = function[:function.index("\n}\n") + 3]
    script = tmp_path / "helper.sh"
    script.write_text(
        function
        + "(lost=0; trap '[ \"$lost\" -lt 2 ] || exit 0; lost=$((lost + 1))' TERM\n"
        + ' : >"$HOME/ready"; while :; do sleep 0.05; done) &\n'
        + 'until [ -e "$HOME/ready" ]; do sleep 0.05; done\n'
        + 'end_helper "$!"\n'
    )
    assert run(shell, script, home=tmp_path).returncode == 0
    assert not processes_below(tmp_path)


def test_uninstall_keeps_results_unless_they_are_purged(installed):
    control, out, prefix = installed
    (prefix / "work" / "spool").mkdir()
    control("start")
    done = control("uninstall", script=out / "control.sh")
    assert done.returncode == 0 and (prefix / "work" / "spool").exists(), done.stderr
    assert not (prefix / "bin").exists() and not (prefix / "etc").exists()
    assert control("install", script=out / "control.sh").returncode == 0
    assert control("uninstall", "--purge", script=out / "control.sh").returncode == 0
    assert not prefix.exists()
    assert control("uninstall", script=out / "control.sh").returncode == 0, "a second one changes nothing"


@pytest.mark.parametrize("verb", ["install", "start", "stop", "restart", "uninstall"])
def test_dry_run_changes_nothing(tmp_path, verb):
    for mode in ("nohup", "user", "system"):
        directory = tmp_path / mode
        directory.mkdir()
        out = generate(directory, "--target=linux", f"--mode={mode}", f"--prefix={directory}/opt/dtf", url=LOCAL)
        stub(out / "dtf", PROGRAM)
        stub(directory / "bin" / "systemctl", 'case "$*" in *is-active*) exit 3 ;; *) echo "$@" >>"$HOME/calls" ;; esac\n')
        for shell in SHELLS:
            done = run(shell, out / "control.sh", verb, "--dry-run", home=directory, path=str(directory / "bin"))
            assert done.returncode == 0, f"{mode} {shell}: {done.stderr}"
        assert not (directory / "opt").exists() and not lines(directory / "calls")
        if verb == "install":
            assert "would run:" in done.stdout


def test_a_service_of_systemd_is_installed_and_removed(tmp_path):
    out = generate(tmp_path, "--target=linux", "--mode=user", "--id=dtf-unit", url=LOCAL)
    stub(out / "dtf", PROGRAM)
    stub(tmp_path / "bin" / "systemctl", 'echo "$@" >>"$HOME/calls"\ncase "$*" in *is-active*) [ -e "$HOME/active" ] ;; *" stop "*) rm -f "$HOME/active" ;; *" start "*) touch "$HOME/active" ;; esac\n')
    stub(tmp_path / "bin" / "loginctl", "exit 0\n")
    unit = tmp_path / ".config" / "systemd" / "user" / "dtf-unit.service"

    def control(*args):
        return run(["sh"], out / "control.sh", *args, home=tmp_path, path=str(tmp_path / "bin"), XDG_CONFIG_HOME="")

    for _ in range(2):
        assert control("install").returncode == 0
    assert unit.read_text() == (out / "dtf-unit.service").read_text()
    assert (tmp_path / ".local/share/dtf/dtf-unit/bin/dtf").exists()
    assert control("status").returncode == 3
    assert control("start").returncode == 0 and control("status").returncode == 0
    assert control("stop", "--now").returncode == 0 and control("status").returncode == 3
    assert control("uninstall", "--purge").returncode == 0
    assert not unit.exists() and not (tmp_path / ".local/share/dtf/dtf-unit").exists()
    calls = lines(tmp_path / "calls")
    for call in ("--user daemon-reload", "--user enable dtf-unit.service", "--user start dtf-unit.service",
                 "--user kill --kill-who=main --signal=SIGTERM dtf-unit.service", "--user disable dtf-unit.service"):
        assert call in calls, call


def test_a_user_of_a_service_reaches_its_program_and_nothing_private(tmp_path):
    out = generate(tmp_path, "--target=linux", "--mode=nohup", f"--prefix={tmp_path}/opt/dtf/w", url=LOCAL)
    stub(out / "dtf", PROGRAM)
    done = run(["sh"], out / "control.sh", "install", home=tmp_path)
    prefix = tmp_path / "opt" / "dtf" / "w"
    assert done.returncode == 0 and prefix.exists(), done.stderr
    for path in (prefix.parent.parent, prefix.parent, prefix, prefix / "bin", prefix / "bin" / "dtf", prefix / "etc"):
        assert path.stat().st_mode & 0o777 == 0o755, path
    for name in ("work", "cache", "log", "run", "data"):
        assert (prefix / name).stat().st_mode & 0o777 == 0o700, name


def test_a_missing_token_stops_the_installation(tmp_path):
    out = generate(tmp_path, "--target=linux", "--mode=nohup")
    stub(out / "dtf", PROGRAM)
    done = run(["sh"], out / "control.sh", "install", home=tmp_path)
    assert done.returncode == 1 and "token" in done.stderr and "hint:" in done.stderr
    private(out / "token", "secret-0123\n")
    assert run(["sh"], out / "control.sh", "install", home=tmp_path).returncode == 0
    installed = tmp_path / ".local/share/dtf/dtf-worker/etc/token"
    assert installed.read_text() == "secret-0123\n" and installed.stat().st_mode & 0o777 == 0o600


def test_the_token_is_in_its_file_alone(tmp_path):
    token = private(tmp_path / "mine", "secret-0123456789\n")
    for target in ("linux", "macos", "windows", "docker", "kubernetes", "slurm"):
        directory = tmp_path / target
        directory.mkdir()
        out = generate(directory, f"--target={target}", f"--token-file={token}")
        for path in out.iterdir():
            assert ("secret-0123456789" in path.read_text()) == (path.name == "token"), path
        assert (out / "token").stat().st_mode & 0o777 == 0o600


class Coordinator(http.server.BaseHTTPRequestHandler):
    """Serves one program, as a coordinator does."""

    content = b"#!/bin/sh\necho 'dtf 0.1.0'\n"
    asked = []

    def do_GET(self):
        self.asked.append((self.path, self.headers.get("Authorization")))
        digest = hashlib.sha256(self.content).hexdigest()
        found = self.path == f"/api/v1/program/{digest}"
        body = self.content if found else b"{}"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def coordinator():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Coordinator)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Coordinator.asked.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def served(out, digest, url):
    """Turns the set into one of `--binary coordinator`, whose digests come from a real coordinator."""
    conf = (out / "deploy.conf").read_text()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(os.uname().machine, os.uname().machine)
    conf = conf.replace("dtf_program='file'", "dtf_program='coordinator'").replace("dtf_platform=''", f"dtf_platform='linux-{machine}'")
    conf = conf.replace("dtf_files=''", f"dtf_files=' dtf:{digest}'").replace("dtf_token='no'", "dtf_token='yes'")
    private(out / "deploy.conf", conf)
    private(out / "token", 'se"cr\\et\n')


def test_the_program_is_fetched_and_compared(tmp_path, coordinator):
    digest = hashlib.sha256(Coordinator.content).hexdigest()
    for shell in SHELLS:
        directory = tmp_path / "-".join(shell)
        directory.mkdir()
        out = generate(directory, "--target=linux", "--mode=nohup", url=coordinator)
        served(out, digest, coordinator)
        Coordinator.asked.clear()
        for _ in range(2):
            done = run(shell, out / "control.sh", "install", home=directory)
            assert done.returncode == 0, done.stderr
        assert Coordinator.asked == [(f"/api/v1/program/{digest}", 'Bearer se"cr\\et')], "fetched once, with the token"
        program = directory / ".local/share/dtf/dtf-worker/bin/dtf"
        assert program.read_bytes() == Coordinator.content
        assert sorted(path.name for path in program.parent.iterdir()) == ["dtf"]


def test_a_program_with_another_digest_is_refused(tmp_path, coordinator, monkeypatch):
    digest = hashlib.sha256(Coordinator.content).hexdigest()
    out = generate(tmp_path, "--target=linux", "--mode=nohup", url=coordinator)
    served(out, digest, coordinator)
    real = Coordinator.do_GET

    def changed(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "5")
        handler.end_headers()
        handler.wfile.write(b"other")

    monkeypatch.setattr(Coordinator, "do_GET", changed)
    done = run(["sh"], out / "control.sh", "install", home=tmp_path)
    assert done.returncode == 1 and "SHA-256" in done.stderr, done.stderr
    assert not list((tmp_path / ".local/share/dtf/dtf-worker/bin").iterdir())
    monkeypatch.setattr(Coordinator, "do_GET", real)
    private(out / "deploy.conf", (out / "deploy.conf").read_text().replace(digest, "0" * 64))
    done = run(["sh"], out / "control.sh", "install", home=tmp_path)
    assert done.returncode == 1 and "cannot fetch" in done.stderr and "hint:" in done.stderr


def entrypoint(tmp_path, shell, *args, files=(), **env):
    out = tmp_path / "set"
    if not out.exists():
        out = generate(tmp_path, "--target=docker", "--startup-only")
    group = tmp_path / "cgroup"
    for name, text in files:
        (group / name).parent.mkdir(parents=True, exist_ok=True)
        (group / name).write_text(text)
    program = stub(tmp_path / "dtf", 'echo "slots=${DTF_SLOTS:-} $*"\n[ ! -e "$HOME/wait" ] || { trap "exit 9" TERM; : >"$HOME/ready"; while :; do sleep 0.05; done; }\n')
    return out / "entrypoint.sh", {
        "DTF_PROGRAM": str(program), "DTF_CONFIG": str(out / "settings.yaml"), "DTF_CGROUP_ROOT": str(group),
        "DTF_SECRET": str(tmp_path / "secret"), "DTF_RUN_DIR": str(tmp_path), **env,
    }


@pytest.mark.parametrize("files,slots", [
    ([("cpu.max", "150000 100000\n")], "1"),
    ([("cpu.max", "50000 100000\n")], "1"),
    ([("cpu.max", "400000\n")], "4"),
    ([("cpu.max", "max 100000\n")], ""),
    ([("cpu/cpu.cfs_quota_us", "300000\n"), ("cpu/cpu.cfs_period_us", "100000\n")], "3"),
    ([("cpu/cpu.cfs_quota_us", "-1\n"), ("cpu/cpu.cfs_period_us", "100000\n")], ""),
    ([], ""),
])
def test_the_entry_point_honours_limits(tmp_path, files, slots):
    for shell in SHELLS:
        script, env = entrypoint(tmp_path, shell, files=files)
        done = run(shell, script, "worker", "--ephemeral", home=tmp_path, **env)
        assert done.returncode == 0, done.stderr
        assert f"slots={slots} worker --config {env['DTF_CONFIG']} --ephemeral" in done.stdout
    script, env = entrypoint(tmp_path, shell, DTF_SLOTS="7")
    assert "slots=7 " in run(["sh"], script, "worker", home=tmp_path, **env).stdout


def test_the_entry_point_copies_the_secret_and_forwards_signals(tmp_path):
    private(tmp_path / "secret", "token-0123\n").chmod(0o444)
    (tmp_path / "wait").touch()
    for shell in SHELLS:
        script, env = entrypoint(tmp_path, shell)
        (tmp_path / "ready").unlink(missing_ok=True)
        child = subprocess.Popen([*shell, str(script), "worker"], env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **env})
        until((tmp_path / "ready").exists, "the program has not started")
        child.terminate()
        assert child.wait(timeout=30) == 9, "the exit code is that of the program"
        copy = tmp_path / "token"
        assert copy.read_text() == "token-0123\n" and copy.stat().st_mode & 0o777 == 0o600


def test_a_batch_job_ends_with_its_worker(tmp_path):
    out = generate(tmp_path, "--target=slurm", "--id=dtf-batch", "--hw=cuda", "--gpus=2", "--cpus=4")
    private(out / "token", "secret-0123456789\n")
    text = (out / "worker.sbatch").read_text()
    options = [line.split(" ", 1)[1] for line in text.splitlines() if line.startswith("#SBATCH")]
    assert {"--job-name=dtf-batch", "--gres=gpu:2", "--cpus-per-task=4", "--time=04:00:00", "--signal=B:TERM@360"} <= set(options)
    stub(out / "dtf", 'printf "%s\\n" "$*" >"$HOME/arguments"\n')
    for shell in SHELLS:
        done = run(shell, out / "worker.sbatch", home=tmp_path, SLURM_JOB_ID="42", SLURM_SUBMIT_DIR=str(out), SLURM_TMPDIR=str(tmp_path))
        assert done.returncode == 0, done.stderr
        expected = f"worker --config {out}/settings.yaml --work-dir {tmp_path}/dtf-42 --name dtf-batch-42 --ephemeral\n"
        assert (tmp_path / "arguments").read_text() == expected and not (tmp_path / "dtf-42").exists()


def test_launchd_runs_the_program_in_the_foreground(tmp_path):
    out = generate(tmp_path, "--target=macos", "--mode=agent", "--id=mac", f"--prefix={tmp_path}/Library/App $x", "--env=A=b c", url=LOCAL)
    stub(out / "dtf", PROGRAM.replace("exit 0; }", "exit 0; }\n[ \"$A\" = 'b c' ] || exit 9", 1))
    stub(tmp_path / "bin" / "launchctl", 'echo "$@" >>"$HOME/calls"\n[ "$1" != print ]\n')
    prefix = tmp_path / "Library" / "App $x"

    def control(*args, script=prefix / "control.sh"):
        return run(["sh"], script, *args, home=tmp_path, path=str(tmp_path / "bin"))

    for _ in range(2):
        done = control("install", script=out / "control.sh")
        assert done.returncode == 0, done.stderr
    agents = tmp_path / "Library" / "LaunchAgents"
    assert sorted(path.name for path in agents.iterdir()) == ["dev.dtf.mac.plist", "dev.dtf.mac.rotate.plist"]
    assert control("start").returncode == 0
    assert f"bootstrap gui/{os.getuid()} {agents}/dev.dtf.mac.plist" in lines(tmp_path / "calls")
    (prefix / "bin" / "code").write_text("7")
    assert control("run").returncode == 7
    # Wrong settings do not become right by another start, which launchd makes after a failure.
    (prefix / "bin" / "code").write_text("2")
    assert control("run").returncode == 0
    assert "dtf ended with the code 7" in (prefix / "log" / "worker.log").read_text()
    assert control("uninstall", "--purge", script=out / "control.sh").returncode == 0
    assert not prefix.exists() and not list(agents.iterdir())


def test_logs_are_rotated(tmp_path):
    out = generate(tmp_path, "--target=macos", "--mode=agent", url=LOCAL)
    stub(out / "dtf", PROGRAM)
    stub(tmp_path / "bin" / "launchctl", "exit 1\n")
    control = lambda *args, script: run(["sh"], script, *args, home=tmp_path, path=str(tmp_path / "bin"))
    assert control("install", script=out / "control.sh").returncode == 0
    prefix = tmp_path / "Library/Application Support/dtf/dtf-worker"
    log = prefix / "log" / "worker.log"
    for number in range(8):
        with log.open("a") as writer:
            writer.write(str(number))
            writer.truncate((16 << 20) + 1)
            assert control("rotate", script=prefix / "control.sh").returncode == 0
        assert log.stat().st_size == 0
    kept = sorted(path.name for path in log.parent.iterdir())
    assert kept == ["worker.log"] + [f"worker.log.{number}" for number in range(1, 6)]
    assert [(log.parent / name).read_bytes()[:1] for name in kept[1:]] == [b"7", b"6", b"5", b"4", b"3"]


def test_wrong_usage_is_explained(tmp_path):
    out = generate(tmp_path, "--target=linux", "--mode=nohup", url=LOCAL)
    for args, code in ((["--help"], 0), ([], 2), (["fly"], 1), (["start", "--fast"], 1), (["start", "stop"], 1)):
        done = run(["sh"], out / "control.sh", *args, home=tmp_path)
        assert done.returncode == code and (done.stdout or done.stderr), args
    (out / "deploy.conf").unlink()
    done = run(["sh"], out / "control.sh", "status", home=tmp_path)
    assert done.returncode == 1 and "deploy.conf" in done.stderr
    done = run(["sh"], out / "control.sh", "--help", home=tmp_path)
    assert done.returncode == 0 and "uninstall" in done.stdout, "help needs no settings"
