"""Quality: the numbers of real weights. The models are made here, with tokenizers made here."""

import contextlib
import io
import json
import os
import types

import pytest
from test_family_templates import FAMILIES
from test_templates import QUICK, TINY, front_matter, render
from test_templates import frameworks as frameworks  # fixture

torch = pytest.importorskip("torch")

SHORT = {"sequence_length": 24, "max_new_tokens": 3}
# The agreement of a model with itself, for each number that has a perfect value.
PERFECT = {
    **dict.fromkeys(("token_agreement", "edit_agreement", "nearest", "top1", "top5"), 1.0),
    **dict.fromkeys(("letter_agreement", "box_agreement", "overlap", "pixel_agreement"), 1.0),
    **dict.fromkeys(("box_overlap", "cosine", "ranking", "answer_agreement"), 1.0),
    **dict.fromkeys(("kl", "map_error", "error"), 0.0),
    "snr": 200.0,
}


def start(source, damage=None, **variables):
    """Runs a script in this process, after a change: exit code, its events, its output."""
    script = types.ModuleType("script")
    exec(compile(source, "script", "exec"), script.__dict__)
    if damage is not None:
        damage(script)
    results = variables["DTF_RESULT"]
    with contextlib.suppress(FileNotFoundError):
        os.remove(results)
    kept = dict(os.environ)
    os.environ.update(variables)
    try:
        with contextlib.redirect_stdout(io.StringIO()) as output:
            with contextlib.redirect_stderr(output):
                code = script.main()
    finally:
        os.environ.clear()
        os.environ.update(kept)
    with open(results, encoding="utf-8") as lines:
        return code, [json.loads(line) for line in lines], output.getvalue()


class Made:
    """A directory with a model of a family, and the scripts that test it."""

    def __init__(self, family, directory, parameters=None, seed=1):
        self.family, self.directory = family, directory
        known = front_matter(family)["parameters"]
        short = {key: value for key, value in SHORT.items() if key in known}
        self.parameters = {**QUICK, **short, **FAMILIES.get(family, ("", {}))[1], **(parameters or {})}
        drawn = types.ModuleType("drawn")
        random = {**self.parameters, "weights": "random", "seed": seed}
        exec(render(family, parameters=random), drawn.__dict__)
        import transformers

        model, *_ = drawn.prepare(torch, transformers, {})
        denoiser = getattr(model, "denoiser", None)
        place = directory / "unet" if denoiser is not None else directory
        (model if denoiser is None else denoiser).save_pretrained(place)
        self.vocabulary = getattr(model.config, "vocab_size", None)

    def run(self, role="test", parameters=None, quality=None, **variables):
        usual = {name: {"better": way} for name, way in front_matter(self.family)["quality"].items()}
        for name, bounds in (quality or {}).items():
            usual[name] = {**usual[name], **bounds}
        alone = {"batch": 1} if role == "reference" else {}
        source = render(
            self.family,
            model="./mine",
            parameters={**self.parameters, "role": role, **alone, **(parameters or {})},
            weights_directory=str(self.directory),
            quality=usual,
        )
        fixed = {
            "DTF_RESULT": str(self.directory / "results.jsonl"),
            "DTF_ARTIFACTS": str(self.directory),
            "DTF_THREADS": "1",
        }
        return start(source, **fixed, **variables)

    def reference(self):
        code, events, output = self.run("reference")
        assert code == 0, output
        return {"DTF_REFERENCE": str(self.directory / "reference.safetensors")}, events


def metrics(events, prefix):
    found = {e["name"]: e["values"][0] for e in events if e["event"] == "metric"}
    return {name.removeprefix(prefix): v for name, v in found.items() if name.startswith(prefix)}


def assert_perfect(found):
    """Whether the numbers are those of a model that is compared with itself."""
    known = {name: value for name, value in found.items() if name in PERFECT}
    assert known
    for name, value in known.items():
        assert value == pytest.approx(PERFECT[name], abs=1e-4), (name, value)


@pytest.mark.parametrize("family", sorted(TINY))
def test_every_family_agrees_with_its_reference(frameworks, tmp_path, family):
    made = Made(family, tmp_path)
    given, events = made.reference()
    theirs = metrics(events, "reference_")
    code, events, output = made.run(**given)
    assert code == 0, output
    found = metrics(events, "quality_")
    assert found and set(found) <= set(front_matter(family)["quality"]), output
    assert_perfect(found)
    # The numbers of the reference are there, too, and they are the same ones.
    again = metrics(events, "reference_")
    assert {name: again[name] for name in theirs if name != "seconds"} == pytest.approx(
        {name: value for name, value in theirs.items() if name != "seconds"}
    )


# Sentences that make a tokenizer: the words of the carried texts.
def tokenizer(directory, size):
    """Writes a tokenizer of whole words with the most frequent words of the carried texts."""
    tokenizers = pytest.importorskip("tokenizers")
    import transformers

    script = types.ModuleType("script")
    exec(render("decoder_llm"), script.__dict__)
    texts = [script.TEXT, *script.SENTENCES, *script.PROMPTS]
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    special = ["<unk>", "<s>", "</s>"]
    trainer = tokenizers.trainers.WordLevelTrainer(vocab_size=size, special_tokens=special)
    made.train_from_iterator(texts, trainer)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    fast.save_pretrained(directory)
    return fast, texts


@pytest.fixture(scope="module")
def llama(frameworks, tmp_path_factory):
    """A language model with a tokenizer, trained for some steps on the carried text."""
    made = Made("decoder_llm", tmp_path_factory.mktemp("llama"))
    fast, texts = tokenizer(made.directory, made.vocabulary)
    model = frameworks.AutoModelForCausalLM.from_pretrained(made.directory)
    tokens = torch.tensor([fast(texts[0])["input_ids"]])[:, :64]
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(30):
        optimiser.zero_grad()
        model(tokens, labels=tokens).loss.backward()
        optimiser.step()
    model.eval().save_pretrained(made.directory)
    return made


def test_the_perplexity_is_that_of_the_library(frameworks, llama):
    given, events = llama.reference()
    model = frameworks.AutoModelForCausalLM.from_pretrained(llama.directory)
    fast = frameworks.AutoTokenizer.from_pretrained(llama.directory)
    script = types.ModuleType("script")
    exec(render("decoder_llm"), script.__dict__)
    tokens = torch.tensor([fast(script.TEXT)["input_ids"]])[:, :256]
    with torch.no_grad():
        loss = float(model(tokens, labels=tokens).loss)
    assert metrics(events, "reference_")["perplexity"] == pytest.approx(2.718281828**loss, rel=1e-4)
    code, events, output = llama.run(**given)
    assert code == 0, output
    assert metrics(events, "quality_")["perplexity"] == pytest.approx(2.718281828**loss, rel=1e-3)
    assert "text" not in events[-1]["quality_notes"]


def test_bounds_decide(llama):
    given, events = llama.reference()
    usual = metrics(events, "reference_")["perplexity"]
    code, events, output = llama.run(quality={"perplexity": {"max": usual * 2}}, **given)
    assert code == 0, output
    bounds = {"perplexity": {"max": usual / 2}, "token_agreement": {"min": 0.5}}
    code, events, output = llama.run(quality=bounds, **given)
    assert (code, events[-1]["outcome"]) == (1, "failed"), output
    expected = f"quality: perplexity {usual:.4g} (maximum {usual / 2:g})"
    assert events[-1]["message"].startswith(expected), events[-1]["message"]
    checks = {e["name"]: e for e in events if e["event"] == "check"}
    assert not checks["quality perplexity"]["passed"]
    assert checks["quality token_agreement"]["passed"]
    assert checks["quality perplexity"]["tolerance"] == bounds["perplexity"]


def test_bounds_need_what_they_bound(llama, tmp_path):
    code, events, output = llama.run(
        parameters={"weights": "random"}, quality={"kl": {"max": 1}}
    )
    assert (code, events[-1]["class"]) == (2, "set_up"), output
    assert "the plan bounds kl, but the weights are random" in events[-1]["message"]
    without = Made("decoder_llm", tmp_path)
    code, events, output = without.run(quality={"perplexity": {"max": 1e9}})
    assert (code, events[-1]["class"]) == (2, "set_up"), output
    assert "perplexity, which was not measured: no tokenizer is beside" in events[-1]["message"]


def test_another_model_is_compared_by_its_answers(llama, tmp_path):
    """The same model agrees with itself, another one does not, and neither changes the verdict."""
    llama.reference()
    answers = str(llama.directory / "answers.safetensors")
    code, events, output = llama.run(DTF_COMPARE=answers)
    assert code == 0, output
    assert_perfect(metrics(events, "compared_"))
    other = Made("decoder_llm", tmp_path, seed=7)
    tokenizer(tmp_path, other.vocabulary)
    code, events, output = other.run(DTF_COMPARE=answers)
    assert (code, events[-1]["compared_with"]) == (0, "./mine"), output
    found = metrics(events, "compared_")
    assert found["token_agreement"] < 0.5 and found["kl"] > 0.1
    assert "perplexity" not in found
    # Another tokenizer makes other questions, whose answers are not compared.
    tokenizer(tmp_path, 40)
    code, events, output = other.run(DTF_COMPARE=answers)
    assert code == 0 and not metrics(events, "compared_"), output
    assert "its tokenizer differs" in events[-1]["quality_notes"]["./mine"]


@pytest.mark.parametrize("damage", ["cut", "another file"])
def test_answers_that_cannot_be_read_are_an_error(llama, tmp_path, damage):
    llama.reference()
    content = (llama.directory / "answers.safetensors").read_bytes()
    file = tmp_path / "answers.safetensors"
    file.write_bytes(content[:100] if damage == "cut" else b"{}")
    code, events, output = llama.run(DTF_COMPARE=str(file))
    assert (code, events[-1]["class"]) == (2, "set_up"), output
    assert f"cannot read the answers in {file}" in events[-1]["message"]


def test_a_faulty_device_lowers_the_numbers(llama):
    """The second layer passes its input on. The reference does not have the fault."""

    def damage(script):
        usual = script.place_model

        def place_model(*arguments):
            model = next(one for one in arguments if isinstance(one, torch.nn.Module))
            layer = model.model.layers[1]
            layer.forward = lambda states, *_, **__: states
            return usual(*arguments)

        script.place_model = place_model

    given, events = llama.reference()
    usual = metrics(events, "reference_")
    code, events, output = llama.run(damage=damage, **given)
    assert (code, events[-1]["outcome"]) == (1, "failed"), output
    found = metrics(events, "quality_")
    assert found["kl"] > 0.01 and found["perplexity"] != pytest.approx(usual["perplexity"], rel=0.01)
    assert found["token_agreement"] < 1


def test_a_reference_belongs_to_the_identity_of_the_weights(llama):
    """Other weights of which the compared values are the same have another identity."""
    kept = {"DTF_WEIGHTS": str(llama.directory), "DTF_WEIGHTS_SOURCE": "folder"}
    code, events, output = llama.run("reference", DTF_WEIGHTS_ID="sha256:" + "a" * 64, **kept)
    assert code == 0, output
    given = {"DTF_REFERENCE": str(llama.directory / "reference.safetensors"), **kept}
    code, events, output = llama.run(DTF_WEIGHTS_ID="sha256:" + "a" * 64, **given)
    assert (code, events[-1]["weights_id"]) == (0, "sha256:" + "a" * 64), output
    code, events, output = llama.run(DTF_WEIGHTS_ID="sha256:" + "b" * 64, **given)
    assert (code, events[-1]["class"]) == (2, "set_up"), output
    assert "from other weights: sha256:aaaaa" in events[-1]["message"]
