"""Reads scripts as Python does and starts each dry, for `dtf templates check`.

Named are a file with jobs (a list of {"about", "text", "literals"}), one to write what is wrong
with them (a list of texts), and the seconds that a dry run may take. Needs the standard library
only, and so must a dry run: scripts see no installed packages.
"""

import ast
import builtins
import json
import os
import subprocess
import symtable
import sys

# Every module has these, whatever its text.
GIVEN = {*dir(builtins), "__file__"}


def parse(text, literals, lacking):
    """What is wrong with a text as Python, or nothing; adds names that nothing defines."""
    try:
        tree = ast.parse(text)
        lacking.update(undefined(symtable.symtable(text, "script", "exec")))
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


def undefined(module):
    """Global names that are needed and never given: a dry run would not meet them.

    Names are needed if the top level uses them, or a function or class that is needed.
    """
    names = {symbol.get_name() for symbol in module.get_symbols()}
    used, given = {}, set(GIVEN)
    tables = [(None, module)]  # with the function or class that it is in
    while tables:
        owner, table = tables.pop()
        for child in table.get_children():
            name = child.get_name()  # the name of a lambda or comprehension is not a name of the module
            tables.append((owner or (name if name in names else None), child))
        for symbol in table.get_symbols():
            if table is not module and not symbol.is_global():
                continue
            if symbol.is_assigned() or symbol.is_imported():
                given.add(symbol.get_name())
            if symbol.is_referenced():
                used.setdefault(owner, set()).add(symbol.get_name())
    needed, more = set(), [None]
    while more:
        new = used.get(more.pop(), set()) - needed
        needed |= new
        more.extend(new)
    return needed - given


class Endless(Exception):
    pass


def dry_run(name, text, seconds):
    """What is wrong with a dry run, or nothing; raises Endless."""
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
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise Endless(f"its dry run took longer than {seconds} s") from None
    if done.returncode != 0:
        output = done.stdout.decode("utf-8", "replace").strip().splitlines() or ["no output"]
        return f"its dry run exits with {done.returncode}: {ascii(output[-1])[:300]}"
    return judge(results)


def judge(path):
    """Returns the mistake in the results of a dry run, or None."""
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


def main(jobs, found, seconds):
    with open(jobs, encoding="utf-8") as file:
        jobs = json.load(file)
    problems, lacking = [], set()
    for number, job in enumerate(jobs):
        wrong = parse(job["text"], job["literals"], lacking)
        try:
            wrong = wrong or dry_run(f"test_{number}", job["text"], int(seconds))
        except Endless as error:
            # Scripts of one template share their text: the others would take as long.
            problems.append(f"{job['about']}: {error}")
            break
        if wrong:
            problems.append(f"{job['about']}: {wrong}")
    if lacking:
        problems.append(
            f"nothing defines {', '.join(sorted(lacking))[:300]}: docs/templates.md lists"
            " the functions that a family defines and the parts to include"
        )
    with open(found, "w", encoding="utf-8") as file:
        json.dump(problems, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
