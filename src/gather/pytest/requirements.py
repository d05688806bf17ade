"""Reads a requirements file as pip reads it: continuations, comments, options, files in files.

Run by an interpreter that has pip, with the path of the file as the only argument. Prints a JSON
object: `requirements` are lines that name a package, `constraints` those of constraint files,
`local` what names a file or directory of this machine, and `left_out` options that concern where
and how packages are installed, which is for the workers to decide.
Without pip it ends with code 3. The parser is that of pip; no line is interpreted here.
"""

import json
import sys

NO_PIP = 3


def is_local(text):
    return text.startswith((".", "/", "file:")) or text.endswith((".whl", ".tar.gz", ".zip"))


def options(line, usual):
    """Options that a line sets."""
    return [name for name, value in vars(line.opts).items() if value != usual.get(name)]


def main():
    try:
        from pip._internal.network.session import PipSession
        from pip._internal.req.req_file import RequirementsFileParser, get_line_parser
    except ImportError as error:
        print(f"pip cannot be used: {error}", file=sys.stderr)
        sys.exit(NO_PIP)
    answer = {"requirements": [], "constraints": [], "local": [], "left_out": []}
    parser = RequirementsFileParser(PipSession(), get_line_parser(None))
    usual = vars(get_line_parser(None)("")[1])
    hashed = False
    for line in parser.parse(sys.argv[1], constraint=False):
        where = f"{line.filename}:{line.lineno}"
        if not line.is_requirement:
            named = [f"--{name.replace('_', '-')}" for name in options(line, usual)]
            answer["left_out"].append(f"{where}: {' '.join(named)}")
            continue
        text = line.requirement.strip()
        hashed = hashed or bool(getattr(line.opts, "hashes", None))
        if line.constraint:
            answer["constraints"].append(text)
        elif getattr(line, "is_editable", False) or is_local(text):
            kind = "-e " if getattr(line, "is_editable", False) else ""
            if "+" in text.partition(":")[0]:
                answer["left_out"].append(f"{where}: {kind}{text}")
            else:
                answer["local"].append(text)
        else:
            answer["requirements"].append(text)
    if hashed:
        answer["left_out"].append("--hash (workers install these versions without comparing digests)")
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
