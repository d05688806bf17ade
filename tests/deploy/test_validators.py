"""Independent tools accept every generated file."""

import json
import plistlib
import re
import shutil
import subprocess
import sys

import pytest
import tree_sitter
import tree_sitter_powershell
import yaml
from deployment import MODES, SHELLS, generate, stub
from test_quoting import SYSTEM, USER, directives

# Requests that use every part of the templates.
FULL = [
    "--env=HF_HOME=/data/a b", "--env=MESSAGE=it's $5 & `100%`",
    "--slots=2", "--tags=lab,gpu", "--idle-timeout=10m",
]
# Those that have an effect only with some targets and modes; elsewhere they are refused.
RESOURCES = {
    "system": ["--cpus=8", "--memory=64GiB"],
    "user": ["--cpus=8", "--memory=64GiB"],
    "compose": ["--cpus=8", "--memory=64GiB", "--hw=cuda", "--gpus=2"],
    "deployment": ["--cpus=8", "--memory=64GiB", "--hw=cuda", "--gpus=2", "--replicas=3"],
    "job": ["--cpus=8", "--memory=64GiB", "--hw=cuda", "--gpus=2", "--replicas=3"],
    "batch": ["--cpus=8", "--memory=64GiB", "--hw=cuda", "--gpus=2", "--replicas=3"],
}
SETS = [(target, mode, role, size) for target, modes in MODES.items() for mode in modes
        for role in ("worker", "coordinator") for size in ("small", "full")
        if role == "worker" or (target in ("linux", "macos", "docker", "kubernetes") and mode != "job" and size == "small")]


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """All sets by their request."""
    found = {}
    for target, mode, role, size in SETS:
        directory = tmp_path_factory.mktemp(f"{target}-{mode}-{role}-{size}")
        flags = ["--target", target, "--mode", mode, "--role", role, "--id", "dtf-unit"]
        if size == "full":
            flags += FULL + RESOURCES.get(mode, [])
            if target != "slurm":
                flags += ["--name=Ann's \"box\" & $(co) 100%"]
        found[target, mode, role, size] = generate(directory, *flags)
    for target in MODES:
        directory = tmp_path_factory.mktemp(f"{target}-startup")
        found[target, "", "worker", "startup"] = generate(directory, "--target", target, "--startup-only")
    directory = tmp_path_factory.mktemp("rocm")
    for target in ("docker", "kubernetes"):
        group = ["--device-group=109"] if target == "kubernetes" else []
        found[target, "rocm", "worker", "full"] = generate(
            tmp_path_factory.mktemp(target), "--target", target, "--hw=rocm", "--id=dtf-unit", *group)
    return found


def scripts_of(out):
    return [path for path in sorted(out.iterdir()) if path.suffix in (".sh", ".sbatch")]


def test_shellcheck_has_nothing_to_report(sets):
    for request, out in sets.items():
        scripts = [path.name for path in scripts_of(out)]
        if scripts:
            done = subprocess.run(["shellcheck", "-x", *scripts], cwd=out, capture_output=True, text=True)
            assert done.returncode == 0, f"{request}: {done.stdout}"


@pytest.mark.parametrize("name", ["sh", "dash", "bash", "busybox", "ksh", "zsh"])
def test_the_shell_is_installed(name):
    if not shutil.which(name):
        assert name not in ("sh", "dash", "bash"), "every machine of the CI has it"
        pytest.skip(f"NOT RUN: no test runs in {name}, which is not installed")
    assert name in [words[0] for words in SHELLS]


def test_every_shell_reads_the_scripts(sets):
    assert len(SHELLS) >= 2, "the tests need two shells"
    for out in sets.values():
        for script in scripts_of(out):
            for shell in SHELLS:
                done = subprocess.run([*shell, "-n", str(script)], capture_output=True, text=True)
                # ksh advises a form of arithmetic that other shells do not have.
                found = [line for line in done.stderr.splitlines() if " is slower than ((" not in line]
                assert done.returncode == 0 and not found, f"{shell} {script}: {found}"


def test_modes_of_files(sets):
    for out in sets.values():
        for path in out.iterdir():
            private = path.name in ("deploy.conf", "deploy.json", "settings.yaml", "environment", "token", "docker-compose.yml", "kubernetes.yaml")
            script = path.suffix in (".sh", ".sbatch", ".ps1", ".bat", ".cs")
            assert path.stat().st_mode & 0o777 == (0o600 if private else 0o755 if script else 0o644), path


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="NOT RUN: there is no systemd-analyze")
@pytest.mark.parametrize("mode", ["system", "user"])
@pytest.mark.parametrize("prefix", ["plain", "we ird 100% $HOME ${X} %n `b` {a} ;c #d =e é"])
def test_systemd_accepts_the_units(tmp_path, mode, prefix):
    base = tmp_path / prefix
    out = generate(tmp_path, "--target=linux", f"--mode={mode}", f"--prefix={base}", "--id=dtf-unit", "--memory=4GiB", "--cpus=2")
    stub(base / "bin" / "dtf", "exit 0\n")
    (base / "etc").mkdir()
    (base / "etc" / "environment").touch()
    unit = out / "dtf-unit.service"
    # The user of the service exists only after the installation.
    unit.write_text(unit.read_text().replace("User=dtf", "User=root").replace("Group=dtf", "Group=root"))
    done = subprocess.run(["systemd-analyze", "verify", *(["--user"] if mode == "user" else []), str(unit)],
                          capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": "/tmp"})
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr
    found = list(directives(unit))
    assert set(found) - {"MemoryMax", "CPUQuota", "LoadCredential"} == set(SYSTEM if mode == "system" else USER)


def test_no_unit_hides_an_accelerator(sets):
    for (target, mode, role, size), out in sets.items():
        for unit in out.glob("*.service"):
            for hiding in ("PrivateDevices", "DeviceAllow", "DevicePolicy", "MemoryDenyWriteExecute", "SystemCallFilter", "PrivateNetwork", "ProtectKernelModules"):
                assert hiding not in directives(unit)
            assert int(directives(unit)["TimeoutStopSec"]) > 300


def test_compose_files_match_the_schema(sets):
    files = [str(out / "docker-compose.yml") for out in sets.values() if (out / "docker-compose.yml").exists()]
    assert len(files) == 4
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", *files]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    full = yaml.safe_load((sets["docker", "compose", "worker", "full"] / "docker-compose.yml").read_text())
    resources = full["services"]["worker"]["deploy"]["resources"]
    assert resources["limits"] == {"cpus": "8", "memory": "65536m"}
    assert resources["reservations"]["devices"] == [{"driver": "nvidia", "count": 2, "capabilities": ["gpu"]}]
    assert full["services"]["worker"]["stop_grace_period"] == "360s"
    rocm = yaml.safe_load((sets["docker", "rocm", "worker", "full"] / "docker-compose.yml").read_text())
    assert rocm["services"]["worker"]["devices"] == ["/dev/kfd:/dev/kfd", "/dev/dri:/dev/dri"]


def test_the_schema_finds_a_wrong_word(tmp_path):
    (tmp_path / "docker-compose.yml").write_text("services: {a: {image: x, deploy: {resources: {reservations: {devices: [{capabilties: [gpu]}]}}}}}\n")
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(tmp_path / "docker-compose.yml")]
    assert subprocess.run(words, capture_output=True).returncode != 0


def test_kubernetes_objects_match_the_schema(sets):
    import kubernetes_validate

    count = 0
    for out in sets.values():
        path = out / "kubernetes.yaml"
        if not path.exists():
            continue
        for document in yaml.safe_load_all(path.read_text()):
            kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
            count += 1
    assert count == 2 * 2 + 3 + 1
    job = yaml.safe_load((sets["kubernetes", "job", "worker", "full"] / "kubernetes.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 360 and job["spec"]["parallelism"] == 3
    assert pod["containers"][0]["resources"]["limits"] == {"cpu": "8", "memory": "65536Mi", "nvidia.com/gpu": 2}
    small = yaml.safe_load((sets["kubernetes", "deployment", "worker", "small"] / "kubernetes.yaml").read_text())
    env = {entry["name"]: entry for entry in small["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["DTF_NAME"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    (secret,) = [volume["secret"] for volume in small["spec"]["template"]["spec"]["volumes"] if "secret" in volume]
    assert secret == {"secretName": "dtf-unit", "defaultMode": 0o440}


def test_property_lists_are_complete(sets):
    for (target, mode, role, size), out in sets.items():
        for path in out.glob("*.plist"):
            document = plistlib.loads(path.read_bytes())
            assert document["Label"].startswith("dev.dtf.dtf-unit")
            assert ("UserName" in document) == (mode == "daemon"), "launchd ignores the user of an agent"
            if "rotate" not in path.name:
                assert document["ExitTimeOut"] == 360 and document["KeepAlive"] == {"SuccessfulExit": False}


def parsed(text):
    language = tree_sitter.Language(tree_sitter_powershell.language())
    return tree_sitter.Parser(language).parse(text.encode()).root_node


def test_powershell_parses(sets):
    for out in sets.values():
        for path in out.glob("*.ps1"):
            text = path.read_bytes().decode("ascii")
            # Version 5.1 reads files without a mark in the code page of the system, hence ASCII.
            assert text.count("\n") == text.count("\r\n"), path
            assert not parsed(text.replace("\r\n", "\n")).has_error, path
    assert parsed("Write-Output 'a").has_error


def test_batch_files_have_a_safe_form(sets):
    seen = 0
    for out in sets.values():
        for path in out.glob("*.bat"):
            text = path.read_bytes().decode("ascii")
            assert text.count("\n") == text.count("\r\n") and not text.startswith("\ufeff")
            # The only expansions are the directory of the file, its arguments and the exit code.
            assert set(re.findall(r"%(?:~[a-z]+\d|\*|\w+%)", text)) == {"%~dp0", "%*", "%ERRORLEVEL%"}
            assert re.fullmatch(r"[\w\s@.:,~%*\"/;\-\\]+", text), path
            seen += 1
    assert seen == 5


def test_settings_files_are_read_by_their_programs(sets):
    for (target, mode, role, size), out in sets.items():
        settings = yaml.safe_load((out / "settings.yaml").read_text())
        assert ("worker" in settings) == (role == "worker")
        if (out / "deploy.json").exists():
            assert json.loads((out / "deploy.json").read_text())["drainSeconds"] == 300
        if size == "full" and mode != "rocm":
            assert settings["worker"]["slots"] == 2 and settings["worker"]["tags"] == ["lab", "gpu"]
