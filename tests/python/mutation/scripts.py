"""A generated test as a module of this process, loaded once and run often.

Of the templates it knows the functions that docs/templates.md promises: `main`, `prepare`,
`place_model`, `forward`, `PARAMETERS`. A fault is there from `place_model` on, which is where the
device is; the reference comes from a file that the role `reference` wrote before.
"""

import contextlib
import copy
import dataclasses
import io
import json
import os
import pathlib
import types

from test_templates import front_matter, render

from .effect import Recorder
from .models import MODELS, SHORT
from .site import NotApplicable, Site

BATCH = 3  # all samples of the reference


@dataclasses.dataclass
class Run:
    """What one run of a script reported."""

    code: int
    result: dict
    checks: list
    raised: str | None = None  # an exception that ended it
    touched: int = 0
    effect: float = 0.0  # declared by the fault itself
    detail: str = ""  # what the fault damaged
    outputs: dict = dataclasses.field(default_factory=dict)

    @property
    def outcome(self):
        return self.result.get("outcome")

    @property
    def failed(self):
        return [check["name"] for check in self.checks if not check["passed"]]


class Script:
    """The scripts of one model: its reference, its test and its load."""

    def __init__(self, model, directory, runtime="torch"):
        import torch
        import transformers  # noqa: F401  (imported once, before the scripts)

        self.torch, self.name = torch, model
        self.tiny = MODELS[model]
        self.directory = pathlib.Path(directory)
        self.prepared = {}
        self.runtime, self.threads = runtime, "1"
        self.roles = {role: self.load(role) for role in ("test", "reference", "load")}

    def load(self, role):
        tiny, config = self.tiny, self.tiny.configuration
        known = front_matter(tiny.family)["parameters"]
        short = {key: value for key, value in SHORT.items() if key in known}
        source = render(
            tiny.family,
            model=tiny.name,
            parameters={**short, "role": role, "runtime": self.runtime},
            config=config,
            model_type=config["model_type"],
        )
        script = types.ModuleType("script")
        exec(compile(source, f"{self.name} as {role}", "exec"), script.__dict__)
        return script

    def reference(self, seed):
        """Writes the reference of a seed, once."""
        made = self.directory / str(seed)
        if not (made / "reference.safetensors").is_file():
            made.mkdir(parents=True, exist_ok=True)
            run = self.start("reference", made, {"batch": 1, "dtype": "fp32", "seed": seed})
            if run.code != 0:
                raise RuntimeError(f"no reference for {self.name}, seed {seed}: {run.result}")
        return made

    def applies(self, fault, seed):
        """Whether the model has what the fault damages. Errors show when the fault is run."""
        model = next(iter(self.prepared.values()))[0][0]
        site = Site(self.torch, copy.deepcopy(model), fault.name, seed)
        try:
            with self.torch.no_grad():
                fault.apply(site)
            return True
        except NotApplicable:
            return False
        except Exception:
            return True
        finally:
            site.stack.close()

    def run(self, seed, dtype="fp32", fault=None, record=False, **changes):
        """Runs the test, with a fault if one is given."""
        made = self.reference(seed)
        parameters = {"batch": BATCH, "dtype": dtype, "seed": seed, **changes}
        return self.start("test", made, parameters, fault, record)

    def start(self, role, made, parameters, fault=None, record=False):
        """Runs the script of a role. The reference in the directory is that of a test."""
        script = self.roles[role]
        results = self.directory / "results.jsonl"
        results.unlink(missing_ok=True)
        variables = {"DTF_RESULT": str(results), "DTF_ARTIFACTS": str(made), "DTF_THREADS": self.threads}
        if role == "test":
            variables["DTF_REFERENCE"] = str(made / "reference.safetensors")
        usual = dict(script.PARAMETERS)
        script.PARAMETERS.update(parameters)
        watch = Watch(self, script, fault, record, parameters)
        try:
            with environment(variables), contextlib.redirect_stdout(io.StringIO()), watch:
                with contextlib.redirect_stderr(io.StringIO()) as errors:
                    code = script.main()
        finally:
            script.PARAMETERS.clear()
            script.PARAMETERS.update(usual)
        if watch.not_applicable:
            raise NotApplicable
        events = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
        return Run(
            code,
            events[-1],
            [event for event in events if event["event"] == "check"],
            (watch.raised and f"{watch.raised}\n{errors.getvalue()}"),
            watch.site.touched if watch.site else 0,
            watch.site.effect if watch.site else 0.0,
            watch.site.detail if watch.site else "",
            watch.recorder.outputs if watch.recorder else {},
        )


class Watch:
    """Surrounds one run: keeps prepared models, applies the fault, records outputs and errors."""

    def __init__(self, owner, script, fault, record, parameters):
        self.owner, self.script, self.fault = owner, script, fault
        self.seed = parameters["seed"]
        self.key = (parameters["seed"], parameters["batch"])
        self.recorder = Recorder(owner.torch) if record else None
        self.site = self.raised = None
        self.not_applicable = False
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        for name in ("prepare", "place_model", "classify"):
            usual = getattr(self.script, name, None)
            if usual is None:
                continue  # a reference places no model
            setattr(self.script, name, getattr(self, name)(usual))
            self.stack.callback(setattr, self.script, name, usual)
        return self

    def __exit__(self, *_):
        if self.site:
            self.site.stack.close()
        self.stack.close()

    def prepare(self, usual):
        """Loading is the same for all precisions and faults, and takes longer than the rest."""

        def prepare(torch, transformers, facts):
            kept = self.owner.prepared
            if self.key not in kept:
                given = dict(facts)
                made = usual(torch, transformers, given)
                kept.clear()  # runs are grouped by seed
                kept[self.key] = (made, given)
            made, given = kept[self.key]
            facts.update(given, dtype=facts["dtype"], role=facts["role"])
            return copy.deepcopy(made)

        return prepare

    def place_model(self, usual):
        def place_model(*arguments):
            torch = self.owner.torch
            model = next(one for one in arguments if isinstance(one, torch.nn.Module))
            if self.fault:
                self.site = Site(torch, model, self.fault.name, self.seed)
                try:
                    with torch.no_grad():
                        self.fault.apply(self.site)
                except NotApplicable:
                    self.not_applicable = True
                    raise
            if self.recorder:
                self.stack.enter_context(self.recorder.watching(self.script, model))
            return usual(*arguments)

        return place_model

    def classify(self, usual):
        def classify(error):
            if not raised_by(self.script, error):
                self.raised = f"{type(error).__name__}: {error}"
            return usual(error)

        return classify


def raised_by(script, error):
    """Whether the script itself raised an error, which then is its judgement."""
    last = error.__traceback__
    while last.tb_next:
        last = last.tb_next
    return last.tb_frame.f_code.co_filename == script.main.__code__.co_filename


@contextlib.contextmanager
def environment(variables):
    kept = {name: os.environ.get(name) for name in (*variables, "DTF_REFERENCE")}
    os.environ.pop("DTF_REFERENCE", None)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
