"""The warm runner: starts Python tests by fork from an interpreter that has already
imported the slow packages, so that a test does not pay for the imports.

Job
    Started by a worker as ``python -I warm_runner.py MODULE...`` with a Unix stream
    socket as standard input. It imports the modules, reports that it is ready, and then
    forks one child for each request. The socket carries one JSON object per line.

    From the runner, once:
        {"ready": {"pid", "modules": {name: version}, "preload_seconds"}}
        {"unsafe": "why forking is not safe here"}           then it exits with 4
        {"failed": "why a module could not be imported"}     then it exits with 3
    To the runner, with two descriptors (the child's stdout and stderr) attached by
    SCM_RIGHTS to the first byte of the line:
        {"run": {"id", "script", "args": [], "cwd", "env": {}, "limits": {}, "label"}}
    "label" is a number by which the worker finds every process of the test (a soft limit on
    file locks, which Linux inherits and does not enforce), or null.
    From the runner:
        {"started": {"id", "pid"}}            the child leads a new session
        {"exited": {"id", "pid", "code", "signal", "max_rss_bytes", "cpu_seconds"}}
        {"refused": {"id", "reason"}}         nothing was started

Promises
    * One child never sees what another child, or the runner, changed.
    * Every process that a child leaves in its process group is killed when the child ends.
    * When the socket closes, every child's group is killed and the runner ends.
    * An invalid request is refused; it never ends the runner.
    * An answer "started" means that directory, environment and limits are set.

Limits
    Linux only. A request line has at most 1 MiB. What a library reads from the
    environment while it is imported (HF_HOME, OMP_NUM_THREADS, ...) is taken from the
    runner's environment, not from the child's. Only the standard library is used,
    besides the modules named as arguments. numpy's OpenBLAS is limited to one thread,
    because its threads would make the fork unsafe.
"""

import atexit
import collections
import ctypes
import gc
import importlib
import json
import os
import resource
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
import traceback

MAX_LINE_BYTES = 1024 * 1024
READ_BYTES = 64 * 1024
# A request carries two descriptors; room for more lets the runner see, and close, a surplus.
MAX_DESCRIPTORS = 8
EXIT_IMPORT_FAILED = 3
EXIT_UNSAFE = 4
PR_SET_PDEATHSIG = 1
# The resource module of Python does not define it.
RLIMIT_LOCKS = 10

# Set before the imports, unless the worker chose otherwise. Each keeps a library from
# starting threads or from opening a device while it is imported.
QUIET_IMPORTS = {
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
}

# An open file below one of these means that an accelerator is in use.
DEVICE_FILES = (
    "/dev/nvidia",
    "/dev/kfd",
    "/dev/dri/",
    "/dev/accel",
    "/dev/hl",
    "/dev/davinci",
    "/dev/neuron",
)


def main(modules):
    parent = os.getppid()
    control = take_control_socket()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not sys.platform.startswith("linux"):
        send(control, {"unsafe": f"fork with loaded libraries is not safe on {sys.platform}"})
        return EXIT_UNSAFE
    close_descriptors(keep={control.fileno()})
    die_with(parent)
    for name, value in QUIET_IMPORTS.items():
        os.environ.setdefault(name, value)

    started = time.monotonic()
    versions = {}
    for name in modules:
        try:
            module = importlib.import_module(name)
        except BaseException as error:  # a package may even call sys.exit while it is imported
            send(control, {"failed": f"cannot import {name}: {type(error).__name__}: {error}"})
            return EXIT_IMPORT_FAILED
        versions[name] = str(getattr(module, "__version__", ""))
    preload_seconds = time.monotonic() - started

    danger = unsafe_to_fork()
    if danger is not None:
        send(control, {"unsafe": danger})
        return EXIT_UNSAFE
    # Objects made so far are left out of later collections: a collection would write to
    # their pages, and every child would get its own copies.
    gc.collect()
    gc.freeze()
    runner = Runner(control, libraries_hold=open_descriptors() - {control.fileno()})
    ready = {"pid": os.getpid(), "modules": versions, "preload_seconds": preload_seconds}
    send(control, {"ready": ready})
    return runner.serve()


class Child:
    """A test that runs."""

    def __init__(self, request_id, pid):
        self.id = request_id
        self.pid = pid

    def kill_group(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # its group has no processes any more


class Runner:
    """The loop that forks and reaps. It waits in one place and never spins."""

    def __init__(self, control, libraries_hold):
        self.control = control
        # Descriptors that the imported libraries opened; children need them too.
        self.libraries_hold = libraries_hold
        self.requests = RequestReader()
        self.children = {}
        self.wake_read, self.wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        # A handler has to exist for the wake-up pipe to be written; the loop does the work.
        signal.set_wakeup_fd(self.wake_write)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)

    def serve(self):
        selector = selectors.DefaultSelector()
        selector.register(self.control, selectors.EVENT_READ)
        selector.register(self.wake_read, selectors.EVENT_READ)
        try:
            while True:
                for key, _ in selector.select():
                    alive = self.on_signal() if key.fd == self.wake_read else self.on_request()
                    if not alive:
                        return 0
        except (BrokenPipeError, ConnectionResetError):
            return 0  # the worker has ended, which is not an error
        finally:
            for child in self.children.values():
                child.kill_group()

    def on_signal(self):
        numbers = os.read(self.wake_read, 4096)
        self.reap()
        return signal.SIGTERM not in numbers

    def on_request(self):
        # A message with descriptors is never merged with bytes that follow it, so whatever
        # arrives here belongs to the last line that begins in this piece.
        data, descriptors, _, _ = socket.recv_fds(
            self.control, READ_BYTES, MAX_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
        )
        for request in self.requests.feed(data, descriptors):
            self.answer(request)
        return bool(data)

    def answer(self, request):
        request_id = None
        try:
            if request.fault is not None:
                raise Refused(request.fault)
            run = parse_run(request.line)
            request_id = run["id"]
            check_run(run)
            if len(request.descriptors) != 2:
                raise Refused(f"2 descriptors are required, {len(request.descriptors)} arrived")
            pid = self.start(run, *request.descriptors)
            self.children[pid] = Child(request_id, pid)
            answer = {"started": {"id": request_id, "pid": pid}}
        except Refused as refused:
            answer = {"refused": {"id": request_id, "reason": str(refused)}}
        finally:
            # Before the answer, so that the child alone keeps its pipes open.
            for descriptor in request.descriptors:
                os.close(descriptor)
        send(self.control, answer)

    def start(self, run, stdout, stderr):
        """Forks; returns the pid once the child is set up, or raises Refused."""
        if thread_count() > 1:
            raise Refused("the runner has more than one thread, so forking is not safe")
        failure_read, failure_write = os.pipe2(os.O_CLOEXEC)
        runner_pid = os.getpid()
        # Signals wait until the child has its own handlers: an early SIGTERM must end
        # the child instead of vanishing in the runner's handler.
        usual = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid = os.fork()
        except OSError as error:
            os.close(failure_read)
            os.close(failure_write)
            raise Refused(f"cannot fork: {error}") from error
        else:
            if pid == 0:
                keep = self.libraries_hold | {failure_write}
                become_test(run, runner_pid, stdout, stderr, failure_write, keep)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, usual)
        os.close(failure_write)
        # The child closes its end when it is set up, or writes the reason why it cannot be.
        with open(failure_read, "rb") as pipe:
            failure = pipe.read()
        if failure:
            os.waitpid(pid, 0)
            raise Refused(failure.decode("utf-8", "replace"))
        return pid

    def reap(self):
        while True:
            try:
                # Inspects the child without reaping it: until the leader is reaped, no other
                # process gets its number, so its group can be killed safely.
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            child = self.children.pop(ended.si_pid, None)
            if child is not None:
                child.kill_group()
            _, status, usage = os.wait4(ended.si_pid, 0)
            if child is not None:
                send(self.control, {"exited": exit_report(child, status, usage)})


def exit_report(child, status, usage):
    code = os.waitstatus_to_exitcode(status)
    return {
        "id": child.id,
        "pid": child.pid,
        "code": code if code >= 0 else None,
        "signal": -code if code < 0 else None,
        "max_rss_bytes": usage.ru_maxrss * 1024,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
    }


# Requests


class Refused(Exception):
    """A request that is refused; the text is the reason."""


Request = collections.namedtuple("Request", "line descriptors fault")


class RequestReader:
    """Cuts the stream into lines and gives each line the descriptors that came with it."""

    def __init__(self):
        self.buffer = b""
        self.descriptors = []
        self.too_long = False

    def feed(self, data, descriptors):
        *complete, rest = (self.buffer + data).split(b"\n")
        requests = []
        for index, line in enumerate(complete):
            last = index == len(complete) - 1
            if last and not rest:
                self.descriptors += descriptors
                descriptors = []
            too_long = self.too_long or len(line) > MAX_LINE_BYTES
            fault = f"a request has more than {MAX_LINE_BYTES} bytes" if too_long else None
            requests.append(Request(line, self.descriptors, fault))
            self.descriptors, self.too_long = [], False
        self.descriptors = self.descriptors + descriptors
        if len(rest) > MAX_LINE_BYTES:
            # The rest of the line is discarded as it arrives, so that memory stays bounded.
            rest, self.too_long = b"", True
        self.buffer = rest
        return requests


def parse_run(line):
    """The run request on a line, with its defaults."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Refused(f"not a JSON line: {error}") from error
    run = message.get("run") if isinstance(message, dict) else None
    if not isinstance(run, dict):
        raise Refused('not a {"run": {...}} request')
    if not isinstance(run.get("id"), str):
        raise Refused("the id is not a text")
    return {"args": [], "env": {}, "limits": {}, "label": None, **run}


def check_run(run):
    for name in ("script", "cwd"):
        if not is_text(run.get(name)):
            raise Refused(f"{name} is not a text without NUL")
    if not isinstance(run["args"], list) or not all(map(is_text, run["args"])):
        raise Refused("args is not a list of texts without NUL")
    env = run["env"]
    if not isinstance(env, dict) or not all(map(is_text, env.values())):
        raise Refused("env does not map names to texts without NUL")
    if not all(is_text(name) and name and "=" not in name for name in env):
        raise Refused("env has a name that no environment variable can have")
    label = run["label"]
    if label is not None and (not isinstance(label, int) or not 0 < label < 2**63):
        raise Refused("label is not a positive number")
    if not isinstance(run["limits"], dict):
        raise Refused("limits is not an object")
    for name, limit in run["limits"].items():
        if not hasattr(resource, "RLIMIT_" + name.upper()):
            raise Refused(f"limit {name!r} is not known here")
        if not isinstance(limit, int) or isinstance(limit, bool) or not 0 <= limit < 2**63:
            raise Refused(f"limit {name!r} is not a count")


def is_text(value):
    return isinstance(value, str) and "\0" not in value


# In the child


def become_test(run, runner_pid, stdout, stderr, failure_pipe, keep):
    """Turns the forked process into the test. Never returns."""
    code = 1
    try:
        try:
            set_up(run, runner_pid, stdout, stderr, keep)
        except BaseException as error:
            # Sent to the runner, not to the output of the test, which has not run yet.
            os.write(failure_pipe, f"{type(error).__name__}: {error}"[:2000].encode())
            return
        os.close(failure_pipe)
        code = run_script(run["script"], run["args"])
    except BaseException:
        traceback.print_exc()
    finally:
        # Not sys.exit: the runner's own frames are below and must not be unwound.
        os._exit(code)


def set_up(run, runner_pid, stdout, stderr, keep):
    os.setsid()
    set_parent_death_signal(signal.SIGKILL)
    if os.getppid() != runner_pid:
        raise OSError("the runner ended while the test was being started")
    default_signals()

    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    close_descriptors(keep)

    set_label(run["label"])
    os.chdir(run["cwd"])
    # Through os.environ, so that getenv() in native libraries sees the change as well.
    os.environ.clear()
    os.environ.update(run["env"])
    time.tzset()
    for name, limit in run["limits"].items():
        lower_limit(getattr(resource, "RLIMIT_" + name.upper()), limit)
    fresh_streams()
    reseed()


def set_label(label):
    """Lets the worker find this process and its descendants."""
    if label is None:
        return
    _, hard = resource.getrlimit(RLIMIT_LOCKS)
    try:
        resource.setrlimit(RLIMIT_LOCKS, (label, hard))
    except (OSError, ValueError):
        pass  # the hard limit is lower; the marker in the environment remains


def reseed():
    """Gives each child its own random numbers, as fresh interpreters have."""
    # The module random does so automatically after a fork.
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    if "torch" in sys.modules:
        # The generator of the CPU alone: those of devices do not exist before their first use.
        sys.modules["torch"].default_generator.seed()


def default_signals():
    """Restores the handlers of a fresh interpreter, and unblocks all signals."""
    signal.set_wakeup_fd(-1)
    ignored_by_python = {signal.SIGPIPE, signal.SIGXFSZ}
    fixed = {signal.SIGKILL, signal.SIGSTOP}
    for number in signal.valid_signals() - fixed - ignored_by_python:
        signal.signal(number, signal.SIG_DFL)
    for number in ignored_by_python:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def lower_limit(kind, limit):
    """Sets both limits, never above those of the runner."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(kind, (limit, limit))


def fresh_streams():
    """Opens the standard streams on the new descriptors, with empty buffers."""
    through = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = open(
            descriptor,
            "w",
            encoding="utf-8",
            errors="backslashreplace",
            closefd=False,
        )
        stream.reconfigure(line_buffering=name == "stderr", write_through=through)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def run_script(script, args):
    """Runs the script as the main program; the exit code as Python itself would give it."""
    sys.argv = [script, *args]
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    search = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:0] = [os.path.dirname(os.path.abspath(script)), *search]
    if os.environ.get("PYTHONFAULTHANDLER"):
        import faulthandler

        faulthandler.enable()
    code = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as leaving:
        code = exit_code(leaving.code)
    except KeyboardInterrupt as error:
        print_failure(error)
        code = None
    except BaseException as error:
        print_failure(error)
        code = 1
    # The steps of an interpreter at its end, in the same order.
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # the reader has closed its end, or the script closed or replaced the stream
    if code is None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return code


def exit_code(value):
    if value is None:
        return 0
    if isinstance(value, int):
        return value & 0xFF
    print(value, file=sys.stderr)
    return 1


def print_failure(error):
    """The traceback as a plain run of the script prints it: without the runner's frames."""
    trace = error.__traceback__
    own = (__file__, runpy.__file__, "<frozen runpy>")
    while trace is not None and trace.tb_frame.f_code.co_filename in own:
        trace = trace.tb_next
    sys.excepthook(type(error), error.with_traceback(trace), trace)


# The process of the runner


def take_control_socket():
    """Moves the socket away from descriptor 0, from which imported modules might read."""
    control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return control


def send(control, message):
    control.sendall(json.dumps(message).encode() + b"\n")


def die_with(parent):
    """Ends the runner when its parent process has ended, even in the middle of an import.

    The kernel also sends the signal when only the *thread* that started the runner ends,
    so the handler checks whether the parent has ended.
    """

    def parent_may_be_gone(*_):
        if os.getppid() != parent:
            os._exit(0)  # the children have SIGKILL as their own parent-death signal

    signal.signal(signal.SIGHUP, parent_may_be_gone)
    set_parent_death_signal(signal.SIGHUP)
    parent_may_be_gone()


def set_parent_death_signal(number):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl(PR_SET_PDEATHSIG): {os.strerror(error)}")


def unsafe_to_fork():
    """The reason why a fork would be unsafe now, or None."""
    threads = thread_count()
    if threads > 1:
        return f"{threads} threads run after the imports"
    for descriptor in open_descriptors():
        try:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if path.startswith(DEVICE_FILES):
            return f"the imports opened the device {path}"
    return None


def thread_count():
    return len(os.listdir("/proc/self/task"))


def open_descriptors():
    """All open descriptors above the standard ones."""
    numbers = {int(name) for name in os.listdir("/proc/self/fd")}
    # The listing includes the descriptor that it was read through, closed again by now.
    return {number for number in numbers if number > 2 and is_open(number)}


def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def close_descriptors(keep):
    for descriptor in open_descriptors() - set(keep):
        os.close(descriptor)


if __name__ == "__main__":
    # Not sys.exit: cleaning up the modules takes long and frees memory that ends with the process.
    os._exit(main(sys.argv[1:]))
