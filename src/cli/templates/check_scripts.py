"""Reads scripts as Python does and starts each dry, for `dtf templates check`.

Named are a file with jobs (a list of {"about", "text", "literals"}) and one to write what is
wrong with them (a list of texts). Needs the standard library only, and so must a dry run:
scripts see no installed packages.
"""

import ast
import json
import os
import subprocess
import sys

DRY_RUN_SECONDS = 30


def parse(text, literals):
    """What is wrong with a text as Python, or nothing."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        return f"the script is not Python: {error.args[0]}" + (f" (line {line})" if line else "")
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    lost = [literal for literal in literals if not any(literal in text for text in texts)]
    return f"the script does not carry the text {ascii(lost[0])[:200]}" if lost else None


def dry_run(name, text):
    """What is wrong with a dry run, or nothing."""
    script, results = os.path.abspath(f"{name}.py"), os.path.abspath(f"{name}.jsonl")
    with open(script, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    kept = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR")
    environment = {key: os.environ[key] for key in kept if key in os.environ}
    environment["DTF_RESULT"] = results
    # Alone, and without installed packages.
    command = [sys.executable, "-I", "-S", script, "--dry-run"]
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=DRY_RUN_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"its dry run took longer than {DRY_RUN_SECONDS} s"
    if done.returncode != 0:
        said = done.stdout.decode("utf-8", "replace").strip().splitlines() or ["it says nothing"]
        return f"its dry run exits with {done.returncode}: {ascii(said[-1])[:300]}"
    return judge(results)


def judge(path):
    """What is wrong with the lines of a dry run, or nothing."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
    except OSError:
        return "its dry run writes nothing to DTF_RESULT"
    except ValueError as error:
        return f"its dry run writes a line that is not JSON: {error}"
    results = [line for line in lines if isinstance(line, dict) and line.get("event") == "result"]
    if len(results) != 1 or results[0].get("outcome") != "passed":
        return "its dry run reports no result, several, or another one than passed"
    return None


def main(jobs, found):
    with open(jobs, encoding="utf-8") as file:
        jobs = json.load(file)
    problems = []
    for number, job in enumerate(jobs):
        wrong = parse(job["text"], job["literals"]) or dry_run(f"test_{number}", job["text"])
        if wrong:
            problems.append(f"{job['about']}: {wrong}")
    with open(found, "w", encoding="utf-8") as file:
        json.dump(problems, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
