"""Truncated files and flipped bits of a data directory."""

import collections
import concurrent.futures
import random
import shutil
import threading

from . import seed
from .verdict import REFUSED, WHOLE, Verdict, judge, judge_offline

# Files up to this size are cut at every length, others at the edges of pages.
SMALL_BYTES = 4096
# Unit in which the log and the database are written, in bytes.
PAGE_BYTES = 4096
# Maximum number of cuts of one file.
MAX_CUTS = 400
# Share of the flips of a large file that are in its first page, which has the positions of all others.
HEADER_SHARE = 0.25
# Files without acknowledged content: the lock, and what arrives from a client or a running test.
SKIPPED = ("dtf.lock", "incoming", "live")
# One case in this number is also given to `dtf coordinator --check`, and one is started twice.
CHECK_EVERY = 5
AGAIN_EVERY = 7
# Name of the group of all uploaded files.
BLOBS = "blobs"

Case = collections.namedtuple("Case", "seed group file kind place")


def run(options, progress):
    """Returns the table and the problems."""
    seeds = seed.make(options)
    cases = []
    for name in options.directories:
        for group, files in groups(seeds[name].path).items():
            if not options.files or group in options.files:
                cases += cases_of(options, seeds[name], group, files)
    random.Random(options.seed).shuffle(cases)
    if options.only:
        cases = [case for case in cases if text_of(case) == options.only]
    table, problems, done = collections.defaultdict(collections.Counter), [], 0
    numbers = Numbers()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for case, verdict in pool.map(lambda case: attempt(options, numbers, case), cases):
            done += 1
            table[case.seed.name, case.group, case.kind][verdict.kind] += 1
            if verdict.kind not in (WHOLE, REFUSED):
                problems.append(f"{text_of(case)}: {verdict.kind}: {verdict.text}")
            elif options.show:
                print(f"{text_of(case)}: {verdict.kind} {verdict.text}")
            progress(done, len(cases), f"{len(problems)} problems")
    rows = [
        (" ".join(key), ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
        for key, counts in sorted(table.items())
    ]
    return rows, problems


class Numbers:
    """Counts the directories of the cases."""

    def __init__(self):
        self.lock = threading.Lock()
        self.last = 0

    def next(self):
        with self.lock:
            self.last += 1
            return self.last


def groups(directory):
    """The files of a data directory: by name, uploaded files together."""
    found = collections.defaultdict(list)
    for path in sorted(directory.rglob("*")):
        relative = path.relative_to(directory)
        if path.is_file() and relative.parts[0] not in SKIPPED:
            is_blob = relative.parts[0] == BLOBS and len(relative.parts) > 2
            found[BLOBS if is_blob else str(relative)].append(relative)
    return found


def cases_of(options, origin, group, files):
    """Every cut and the flips of one file, or of a group of files."""
    random_ = random.Random(f"{options.seed} {origin.name} {group}")
    cases = []
    for file in files[:1]:
        content = (origin.path / file).read_bytes()
        places = cuts(random_, len(content), options.cuts)
        cases += [Case(origin, group, file, "cut", (place,)) for place in places]
    for _ in range(options.flips):
        file = random_.choice(files)
        content = (origin.path / file).read_bytes()
        if content:
            place = (flip_position(random_, content), random_.randrange(8))
            cases.append(Case(origin, group, file, "flip", place))
    # A small file has fewer bits than flips are drawn.
    return list(dict.fromkeys(cases))


def cuts(random_, size, most):
    """Lengths to which a file is cut."""
    if size <= SMALL_BYTES:
        places = set(range(size))
    else:
        edges = range(0, size + 1, PAGE_BYTES)
        places = {edge + step for edge in edges for step in (-1, 0, 1)} | {size - 1}
    places = sorted(place for place in places if 0 <= place < size)
    return places if len(places) <= most else sorted(random_.sample(places, most))


def flip_position(random_, content):
    """A position in the first page or in a page that is in use."""
    if random_.random() < HEADER_SHARE:
        return random_.randrange(min(PAGE_BYTES, len(content)))
    while True:
        place = random_.randrange(len(content))
        page = place - place % PAGE_BYTES
        if any(content[page : page + PAGE_BYTES]):
            return place


def text_of(case):
    return f"{case.seed.name}/{case.file}:{case.kind}:{'.'.join(map(str, case.place))}"


def attempt(options, numbers, case):
    number = numbers.next()
    data = options.directory / f"case-{number}"
    case.seed.copy_to(data)
    path = data / case.file
    if case.kind == "cut":
        with open(path, "r+b") as file:
            file.truncate(case.place[0])
    else:
        place, bit = case.place
        with open(path, "r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1 << bit]))
    verdict = judge_case(options, case, data, number)
    shutil.rmtree(data)
    data.with_name(data.name + ".stderr").unlink(missing_ok=True)
    return case, verdict


def judge_case(options, case, data, number):
    """The verdict of a start; for a sample of the cases, also of the check and of a second start."""
    file = data / case.file
    # A file in a directory is part of it, and both may be named.
    names = (file.name, str(data / case.file.parts[0]))
    damaged_file = file.name if case.group == BLOBS else None
    code = None
    if number % CHECK_EVERY == 0:
        code, problem = judge_offline(options, data)
        if problem is not None:
            return problem
    verdict = judge(options, data, case.seed.ledger, names, damaged_file)
    if verdict.kind == REFUSED and code == 0:
        return Verdict("UNSEEN", f"--check reports no damage | {verdict.text}")
    if verdict.kind == WHOLE and number % AGAIN_EVERY == 0:
        verdict = judge(options, data, case.seed.ledger, names)
        if verdict.kind != WHOLE:
            return Verdict(verdict.kind, f"at the second start: {verdict.text}")
    return verdict
