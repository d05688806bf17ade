"""Every hostile text arrives unchanged in what reads the generated files, or is refused."""

import json
import plistlib
import shlex
import subprocess

import pytest
import yaml
from deployment import HOSTILE, MODES, SHELLS, deploy_script, generate, run, stub

REFUSED = ("cannot be quoted safely", "more than 1024 bytes", "empty", "systemd starts no program")


def attempt(directory, *flags):
    """The generated directory, or None if the text is refused with a reason."""
    out = directory / "set"
    # A container does not reach the loopback address of its host.
    host = "lab-1" if {"docker", "kubernetes"} & set(flags) else "127.0.0.1"
    done = deploy_script(directory, "--coordinator", f"http://{host}:7700", "--out", str(out), *flags)
    assert not (directory / "x").exists()
    if done.returncode == 0:
        return out
    assert done.returncode == 2 and any(reason in done.stderr for reason in REFUSED), done.stderr
    return None


def is_plain(text):
    return text.isprintable() or any(mark in text for mark in "🦀日")


@pytest.mark.parametrize("text", HOSTILE)
def test_names_and_variables_arrive(tmp_path, text):
    out = attempt(tmp_path, "--target", "linux", "--mode", "nohup", f"--name={text}", f"--env=TEXT={text}", "--startup-only")
    if out is None:
        assert not is_plain(text), f"{text!r} was refused"
        return
    assert yaml.safe_load((out / "settings.yaml").read_text())["worker"]["name"] == text
    stub(out / "dtf", 'printf "%s\\0" "$TEXT" "$@" >"$RECORD"\n')
    for shell in SHELLS:
        record = tmp_path / "record"
        done = run(shell, out / "start.sh", "run", home=tmp_path, RECORD=str(record))
        assert done.returncode == 0 and record.exists(), f"{shell}: {done.stdout} {done.stderr}"
        found = record.read_bytes().decode().split("\0")
        assert found == [text, "worker", "--config", str(out / "settings.yaml"), ""], shell
        record.unlink()
        (out / "run" / "worker.pid").unlink(missing_ok=True)
    assert not (tmp_path / "x").exists() and not (out / "x").exists()


@pytest.mark.parametrize("text", HOSTILE)
def test_documents_keep_the_text(tmp_path, text):
    flags = [f"--name={text}", f"--env=TEXT={text}"]
    for target in ("docker", "kubernetes", "windows"):
        directory = tmp_path / target
        directory.mkdir()
        out = attempt(directory, "--target", target, *flags)
        if out is None:
            assert not is_plain(text)
            continue
        assert yaml.safe_load((out / "settings.yaml").read_text())["worker"]["name"] == text
        if target == "docker":
            compose = yaml.safe_load((out / "docker-compose.yml").read_text())
            # Compose reads `$$` as `$`.
            assert compose["services"]["worker"]["environment"]["TEXT"].replace("$$", "$") == text
        elif target == "kubernetes":
            container = yaml.safe_load((out / "kubernetes.yaml").read_text())["spec"]["template"]["spec"]["containers"][0]
            (value,) = [entry["value"] for entry in container["env"] if entry["name"] == "TEXT"]
            assert value.replace("$$", "$") == text and value.count("$") == 2 * text.count("$")
        else:
            assert json.loads((out / "deploy.json").read_text())["environment"]["TEXT"] == text
            for script in out.glob("*.ps1"):
                assert "TEXT" not in script.read_text()


@pytest.mark.parametrize("text", HOSTILE)
def test_directories_arrive_in_units_and_property_lists(tmp_path, text):
    prefix = f"/opt/{text}/dtf"
    for target, mode in (("linux", "system"), ("linux", "user"), ("macos", "daemon"), ("macos", "agent")):
        directory = tmp_path / mode
        directory.mkdir()
        out = attempt(directory, "--target", target, "--mode", mode, f"--prefix={prefix}")
        if out is None:
            # systemd starts no program with quotes or a backslash in its path.
            assert not is_plain(text) or target == "linux" and any(mark in text for mark in "\"'\\")
            continue
        if target == "macos":
            plist = plistlib.loads((out / "dtf-worker.plist").read_bytes())
            assert plist["ProgramArguments"] == ["/bin/sh", f"{prefix}/control.sh", "run"]
            continue
        unit = directives(out / "dtf-worker.service")
        # systemd removes quotes and backslashes as a shell does, and reads `%%` and `$$`.
        program, *words = [word.replace("%%", "%") for word in shlex.split(unit["ExecStart"])]
        # `$` begins an expansion in arguments, not in the program.
        command = [program, *(word.replace("$$", "$") for word in words)]
        assert command[:4] == [f"{prefix}/bin/dtf", "worker", "--config", f"{prefix}/etc/settings.yaml"]
        assert unit["EnvironmentFile"].replace("%%", "%") == f"{prefix}/etc/environment"
        expected = SYSTEM if mode == "system" else USER
        assert list(unit) == expected, "a value has changed the directives"


USER = [
    "Description", "Wants", "After", "StartLimitIntervalSec", "StartLimitBurst", "Type", "EnvironmentFile",
    "ExecStart", "ExecStop", "KillMode", "KillSignal", "TimeoutStopSec", "Restart", "RestartSec",
    "RestartPreventExitStatus", "LimitNOFILE", "OOMPolicy", "UMask", "NoNewPrivileges", "WantedBy",
]
SYSTEM = [
    *USER[:-1], "User", "Group", "Environment", "ProtectSystem", "ReadWritePaths", "PrivateTmp",
    "ProtectControlGroups", "RestrictSUIDSGID", "Delegate", "WantedBy",
]


def directives(path):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith(("#", "["))]
    pairs = [line.split("=", 1) for line in lines]
    assert len(dict(pairs)) == len(pairs), "a directive is repeated"
    return dict(pairs)


@pytest.mark.parametrize("text", [text for text in HOSTILE if text != "no"] + [""])
def test_ids_are_refused_unless_they_are_plain(tmp_path, text):
    done = deploy_script(tmp_path, "--target", "linux", "--coordinator", "http://h:1", f"--id={text}")
    plain = text and len(text) < 64 and text[0].isascii() and all(c.isascii() and (c.isalnum() or c in "._-") for c in text)
    assert (done.returncode == 0) == (bool(plain) and text[0].isalnum()), (text, done.stderr)


@pytest.mark.parametrize("text", HOSTILE)
def test_addresses_do_not_leave_their_quotes(tmp_path, text):
    done = deploy_script(tmp_path, "--target", "linux", f"--coordinator=http://h:1/{text}", "--out=set")
    if done.returncode != 0:
        assert done.returncode == 2
        return
    conf = tmp_path / "set" / "deploy.conf"
    shown = subprocess.run(["sh", "-c", '. "$1"; printf %s "$dtf_coordinator"', "sh", str(conf)], capture_output=True, text=True, cwd=tmp_path)
    settings = yaml.safe_load((tmp_path / "set" / "settings.yaml").read_text())
    assert shown.stdout == settings["client"]["coordinator"] and not shown.stderr
    assert shown.stdout.startswith("http://h:1") and not (tmp_path / "x").exists()


def test_scripts_contain_no_value(tmp_path):
    """Scripts of two requests that differ in everything are equal."""
    for target, modes in MODES.items():
        for mode in modes:
            texts = []
            for number, flags in enumerate((["--id=one"], ["--id=two", *(["--name=N"] if target != "slurm" else []), "--env=A=B", "--drain=9s", "--tags=t"])):
                directory = tmp_path / f"{target}-{mode}-{number}"
                directory.mkdir()
                out = generate(directory, "--target", target, "--mode", mode, *flags)
                texts.append({path.name: path.read_text() for path in out.glob("*.[spb][sh1a]*") if path.suffix in (".sh", ".ps1", ".bat", ".cs")})
            assert texts[0] and texts[0] == texts[1]


@pytest.mark.parametrize("flag", ["--env=HF_TOKEN=hf_secret", "--env=API_KEY=s", "--env=DB_PASSWORD=s", "--env=PGPASSWORD=secret", "--env=HTTPS_PROXY=http://u:secret@h", "--coordinator=http://u:secret@h"])
def test_secrets_are_refused_and_not_repeated(tmp_path, flag):
    done = deploy_script(tmp_path, "--target=linux", flag, *([] if "coordinator" in flag else ["--coordinator=http://h:1"]))
    assert done.returncode == 2 and "token" in done.stderr.lower()
    assert "secret" not in done.stderr.replace("a secret", "").replace("looks like a secret", "")
    assert not (tmp_path / "dtf-deploy-dtf-worker").exists()
