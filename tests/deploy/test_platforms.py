"""The control scripts of containers and clusters, with stubs of their commands."""

import pytest
from deployment import SHELLS, generate, private, run, stub
from test_scripts import lines

# Commands record their arguments; a file makes them report that something runs.
RECORD = 'echo "$(basename "$0") $*" >>"$HOME/calls"\n'
DOCKER = RECORD + 'case "$*" in *"ps --quiet"*) [ ! -e "$HOME/active" ] || echo id ;; *" up "*) touch "$HOME/active" ;; *" stop"*) rm -f "$HOME/active" ;; esac\n'
KUBECTL = RECORD + 'case "$*" in create*) echo "{}" ;; *--filename=-) cat >/dev/null ;; *jsonpath*) [ ! -e "$HOME/active" ] || echo 3 ;; "apply --filename=/"*) touch "$HOME/active" ;; *--replicas=0* | delete*) rm -f "$HOME/active" ;; esac\n'
SLURM = RECORD + 'case "$(basename "$0") $*" in squeue*) [ ! -e "$HOME/active" ] || echo "7 RUNNING" ;; sbatch*) touch "$HOME/active" ;; scancel*RUNNING* | "scancel --name="*" --user=root") rm -f "$HOME/active" ;; esac\n'
CASES = {
    "docker": ({"docker": DOCKER}, ["compose --project-directory {set} --file {set}/docker-compose.yml build", "up --detach", "compose --project-directory {set} --file {set}/docker-compose.yml stop", "down --rmi all"]),
    "kubernetes": ({"kubectl": KUBECTL}, ["create configmap dtf-unit --from-file=settings.yaml={set}/settings.yaml", "create secret generic dtf-unit --from-file=token={set}/token", "apply --filename={set}/kubernetes.yaml", "scale deployment/dtf-unit --replicas=0", "delete deployment/dtf-unit configmap/dtf-unit secret/dtf-unit"]),
    "slurm": ({"sbatch": SLURM, "squeue": SLURM, "scancel": SLURM}, ["sbatch --chdir={home}/.local/share/dtf/dtf-unit/etc {home}/.local/share/dtf/dtf-unit/etc/worker.sbatch", "--state=RUNNING --signal=TERM --batch"]),
}


@pytest.mark.parametrize("target", CASES)
def test_a_platform_is_controlled_by_its_commands(tmp_path, target):
    stubs, expected = CASES[target]
    for shell in SHELLS:
        home = tmp_path / "-".join(shell)
        home.mkdir()
        out = generate(home, f"--target={target}", "--id=dtf-unit")
        private(out / "token", "secret-0123456789\n")
        stub(out / "dtf", 'echo "dtf 0.1.0"\n')
        for name, text in stubs.items():
            stub(home / "bin" / name, text)

        def control(*args):
            return run(shell, out / "control.sh", *args, home=home, path=str(home / "bin"))

        for verb in ("install", "start", "stop", "uninstall"):
            done = control(verb, "--dry-run")
            assert done.returncode == 0 and "would" in done.stdout, f"{shell} {verb}: {done.stderr}"
        assert not [call for call in lines(home / "calls") if "squeue" not in call and "compose version" not in call]
        for verb, code in (("install", 0), ("install", 0), ("status", 3), ("start", 0), ("status", 0), ("stop", 0), ("status", 3), ("uninstall", 0)):
            done = control(verb)
            assert done.returncode == code, f"{shell} {verb}: {done.stdout} {done.stderr}"
        calls = "\n".join(lines(home / "calls"))
        for part in expected:
            assert part.format(set=out, home=home) in calls, calls
        assert "secret-0123456789" not in calls, "the token is in the arguments of a process"
