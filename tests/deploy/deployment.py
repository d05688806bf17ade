"""Generates deployments with the dtf that DTF_BINARY names, and runs their scripts."""

import os
import pathlib
import shutil
import subprocess

DTF = os.environ["DTF_BINARY"]
URL = "http://lab-1:7700"
# Free texts that mean something in one of the languages. Each must arrive unchanged or be refused.
HOSTILE = [
    "we ird", "it's", 'a"b', "100%", "%PATH%", "%n", "!x!", "$(touch x)", "`id`", "a;b", "a&b", "a|b",
    "a\nb", "a\r\nb", "-rf", "--id=x", "x" * 300, "é", "#c", "~", "*", "{{x}}", "{% raw %}", "a\\", "\\n",
    "\u202e", "C:\\Program Files (x86)\\dtf\\", "$HOME", "${HOME}", "$$", "no", "0x10", "1e3", "null", "- a",
    "a: b", "<b>&amp;", "]]>", "'; touch x; '", "\" && touch x", "$(VAR)", "a'b\"c`d$e\\f", "@x", "^&<>()",
    "a\tb", "\x7f", "\x1b[2J", "\ufeff", "日本 🦀", "'''", "\\'", "%%", "%s", "!!python/object:x", "&a *a",
]
# Every target with its modes.
MODES = {
    "linux": ["system", "user", "nohup"],
    "macos": ["agent", "daemon", "nohup"],
    "windows": ["task", "service"],
    "docker": ["compose"],
    "kubernetes": ["deployment", "job"],
    "slurm": ["batch"],
}
SHELLS = [
    words
    for words in (["sh"], ["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"], ["ksh"], ["zsh", "--emulate", "sh"])
    if shutil.which(words[0])
]


def deploy_script(directory, *flags):
    """Runs `dtf deploy-script` in a directory, with the settings of nobody."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("DTF_")}
    env.update(HOME=str(directory), XDG_CONFIG_HOME=str(directory / "no-settings"))
    words = [DTF, "deploy-script", *flags]
    return subprocess.run(words, cwd=directory, env=env, capture_output=True, text=True, timeout=60)


def generate(directory, *flags, url=URL):
    """The directory with the generated files."""
    out = directory / "set"
    done = deploy_script(directory, "--coordinator", url, "--out", str(out), *flags)
    assert done.returncode == 0, done.stderr
    return out


def private(path, text):
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def stub(path, text):
    """A program that a script finds instead of a real one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(0o755)
    return path


def run(shell, script, *args, home, path=None, timeout=60, **env):
    """Runs a script with a shell and a separate environment."""
    environment = {"HOME": str(home), "PATH": os.pathsep.join(filter(None, [path, os.environ["PATH"]]))}
    environment.update(env)
    words = [*shell, str(script), *args]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=timeout, cwd=str(pathlib.Path(home)))
