"""The weights that a test uses: those of the directory of the model, of the cache, of the hub, or
random ones. Weights that exist but cannot be read are never replaced by others."""

import json
import os
import shutil
import types

import pytest
from test_family_templates import FAMILIES
from test_templates import QUICK, TINY, configuration, render
from test_templates import frameworks as frameworks  # fixtures
from test_templates import run as run
from test_templates import warm as warm

torch = pytest.importorskip("torch")
REFERENCE = {"role": "reference", "batch": 1}
SHARDED = {"max_shard_size": "20KB"}


@pytest.fixture(scope="module")
def bert(frameworks):
    return made(frameworks, "BertModel")


def made(frameworks, name, **changes):
    torch.manual_seed(7)
    config = frameworks.BertConfig(**{**configuration("dtf/tiny-bert"), **changes})
    return getattr(frameworks, name)(config).eval()


@pytest.fixture
def mine(bert, tmp_path):
    """A directory with weights that no seed of a test produces."""
    bert.save_pretrained(tmp_path / "mine")
    return tmp_path / "mine"


def of(directory, family="text_encoder", parameters=None, **changes):
    """The script of a test of the model in a directory."""
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    context = {"config": config, "model_type": config["model_type"], "model": f"./{directory.name}"}
    context["weights_directory"] = str(directory)
    return render(family, parameters={**QUICK, **(parameters or {})}, **{**context, **changes})


def result(ran):
    code, events, output = ran
    return code, events[-1], output


def refused(ran, weights="folder"):
    """The reason why a test could not be set up. The result names the chosen weights."""
    code, end, output = result(ran)
    assert (code, end["outcome"], end.get("class")) == (2, "error", "set_up"), output
    assert end["weights"] == weights
    return end["message"]


def loaded(source):
    module = types.ModuleType("script")
    exec(source, module.__dict__)
    return module


def weights_of(source):
    """The model that a script loads, the source of its weights, and the reason."""
    script, transformers = loaded(source), pytest.importorskip("transformers")
    config = script.build_config(transformers)
    facts = {}
    model, why = script.load_model(torch, script.auto_class(transformers), config, facts)
    return model, facts["weights"], why


def prevented(source):
    """The reason why a script loads nothing, like `refused` but without a separate process."""
    script, transformers = loaded(source), pytest.importorskip("transformers")
    config = script.build_config(transformers)
    with pytest.raises(script.SetUp) as caught:
        script.load_model(torch, script.auto_class(transformers), config, {})
    assert script.classify(caught.value) == ("error", "set_up")
    return str(caught.value)


def same(model, other):
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name].float()) for name, value in model.state_dict().items())


@pytest.mark.parametrize("saved", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("options", [{}, SHARDED, {"variant": "fp16"}, {**SHARDED, "variant": "x"}])
def test_the_weights_of_a_directory_are_loaded_as_they_were_saved(
    frameworks, tmp_path, saved, options
):
    bert = made(frameworks, "BertModel").to(saved)
    bert.save_pretrained(tmp_path / "mine", **options)
    if "max_shard_size" in options:
        assert len(list((tmp_path / "mine").glob("*.safetensors"))) > 1
    model, source, why = weights_of(of(tmp_path / "mine"))
    assert source == "folder" and why == f"weights in {tmp_path / 'mine'}"
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    assert same(model, bert)


@pytest.mark.parametrize("asked", ["auto", "cached"])
def test_a_test_and_its_reference_use_them(run, mine, tmp_path, asked):
    parameters = {**REFERENCE, "weights": asked}
    ran = run(of(mine, parameters=parameters), DTF_ARTIFACTS=str(tmp_path))
    code, end, output = result(ran)
    assert (code, end["weights"]) == (0, "folder"), output
    given = {"DTF_REFERENCE": str(tmp_path / "reference.safetensors")}
    code, end, output = result(run(of(mine, parameters={"dtype": "bf16"}), **given))
    assert (code, end["weights"], end["reference"]) == (0, "folder", "given"), output
    assert str(mine) in end["message"]
    # Random weights differ, and their output is not compared with a reference of the saved ones.
    reason = run(of(mine, parameters={"weights": "random"}), **given)
    code, end, _ = result(reason)
    assert (code, end["class"]) == (2, "set_up")
    assert "other weights: weights folder in the reference, random here" in end["message"]


@pytest.mark.parametrize("family", sorted(TINY))
def test_every_family_loads_its_saved_weights(tmp_path, family):
    parameters = {**QUICK, **FAMILIES.get(family, ("", {}))[1]}
    drawn, _, _ = weights_of(render(family, parameters={**parameters, "weights": "random"}))
    # Not the values that the next model draws.
    with torch.no_grad():
        for value in drawn.parameters():
            value.add_(0.25)
    denoiser = getattr(drawn, "denoiser", None)
    place = tmp_path / "unet" if denoiser is not None else tmp_path
    (drawn if denoiser is None else denoiser).save_pretrained(place)
    own = {"weights_directory": str(tmp_path)}
    model, source, why = weights_of(render(family, parameters=parameters, **own))
    assert (source, why) == ("folder", f"weights in {tmp_path}")
    assert same(model, drawn)


def test_random_weights_can_still_be_requested(run, mine):
    (mine / "model.safetensors").write_bytes(b"")
    code, end, output = result(run(of(mine, parameters={"weights": "random"})))
    assert (code, end["weights"]) == (0, "random"), output


def test_a_configuration_alone_has_random_weights(run):
    why = "there are no weights beside the configuration"
    source = render("text_encoder", model="./mine", parameters=QUICK, weights_reason=why)
    code, end, output = result(run(source))
    assert (code, end["weights"], end["weights_id"]) == (0, "random", None), output
    assert f"random weights: {why}" in end["message"]


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 438\n"


def replaced(content):
    def damage(mine):
        (mine / "model.safetensors").write_bytes(content)

    return damage


def edited(change):
    def damage(mine):
        file = mine / "model.safetensors"
        file.write_bytes(change(file.read_bytes()))

    return damage


def linked(mine):
    (mine / "model.safetensors").unlink()
    (mine / "model.safetensors").symlink_to("../nowhere")


def a_directory(mine):
    (mine / "model.safetensors").unlink()
    (mine / "model.safetensors").mkdir()


def pickled(mine):
    (mine / "model.safetensors").rename(mine / "pytorch_model.bin")


def renamed(mine):
    (mine / "model.safetensors").rename(mine / "consolidated.safetensors")


def without(mine):
    (mine / "model.safetensors").unlink()


def gone(mine):
    shutil.rmtree(mine)


def two_variants(mine):
    shutil.copy(mine / "model.safetensors", mine / "model.fp16.safetensors")
    (mine / "model.safetensors").rename(mine / "model.bf16.safetensors")


def header(text, size=0):
    return replaced(len(text).to_bytes(8, "little") + text + bytes(size))


TENSOR = b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'

DAMAGES = {
    "a pointer": (replaced(POINTER), "model.safetensors is a Git LFS pointer"),
    "HTML": (replaced(b"\n<!DOCTYPE html><html>not here</html>"), "but an HTML page"),
    "text": (replaced(b"Repository not found\n" * 9), "but text that starts with 'Repository"),
    "a pickle": (replaced(b"PK\x03\x04" + bytes(99)), "but a PyTorch pickle"),
    "GGUF": (replaced(b"GGUF\x03" + bytes(99)), "but a GGUF file"),
    "noise": (replaced(bytes(range(128, 256)) * 9), "but other binary data"),
    "empty": (replaced(b""), "model.safetensors is empty"),
    "a few bytes": (replaced(b"\x10\x00\x00"), "is truncated: it has 3 bytes"),
    "half a header": (edited(lambda whole: whole[:100]), "is truncated: it has 100 bytes"),
    "cut": (edited(lambda whole: whole[:-1]), "is truncated: it has"),
    "too long": (edited(lambda whole: whole + b"more"), "is damaged: it has"),
    "a bad header": (header(b'{"a": nothing}', 4), "has a damaged header"),
    "a nested header": (header(b'{"a":' + b"[" * 99_999, 4), "has a damaged header"),
    "a header of others": (header(b'{"a": [1, 2]}', 4), "has a damaged header"),
    "no tensor": (header(b'{"__metadata__": {}}'), "has no tensors"),
    "not its tensors": (header(TENSOR, 4), "lack embeddings.LayerNorm.bias"),
    "a dangling link": (linked, "is a link to ../nowhere, which does not exist"),
    "a directory": (a_directory, "is not a file"),
    "pickled": (pickled, "contains only pytorch_model.bin, a pickle"),
    "another name": (renamed, "contains only consolidated.safetensors"),
    "nothing any more": (without, "contains no weights; save them"),
    "no directory": (gone, "does not exist on this worker"),
    "variants": (two_variants, "several variants of the weights (bf16, fp16)"),
}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_unusable_weights_are_an_error(mine, damage):
    source = of(mine)
    do, reason = DAMAGES[damage]
    do(mine)
    message = prevented(source)
    assert reason in message and str(mine) in message, message


@pytest.mark.parametrize("damage", ["a pointer", "not its tensors", "no directory"])
def test_such_an_error_is_the_verdict(run, mine, damage):
    source = of(mine)
    do, reason = DAMAGES[damage]
    do(mine)
    assert reason in refused(run(source))


def shards(mine):
    return json.loads((mine / "model.safetensors.index.json").read_text(encoding="utf-8"))


def list_of(text):
    def damage(mine):
        (mine / "model.safetensors.index.json").write_bytes(text)

    return damage


def first_shard(mine):
    return mine / min(shards(mine)["weight_map"].values())


INDEX_DAMAGES = {
    "a shard is missing": (lambda mine: first_shard(mine).unlink(), "index.json) is missing"),
    "a shard is a pointer": (
        lambda mine: first_shard(mine).write_bytes(POINTER),
        "index.json) is a Git LFS pointer",
    ),
    "a shard is cut": (
        lambda mine: os.truncate(first_shard(mine), first_shard(mine).stat().st_size - 4),
        "index.json) is truncated",
    ),
    "the list is a pointer": (list_of(POINTER), "index.json is a Git LFS pointer"),
    "the list is empty": (list_of(b""), "index.json is empty"),
    "the list is HTML": (list_of(b"<html>"), "index.json is not a shard index"),
    "the list is bare": (list_of(b'{"weight_map": {}}'), "lists no files"),
    "the list leads away": (
        list_of(b'{"weight_map": {"a": "../other.safetensors"}}'),
        "lists files outside its directory",
    ),
    "the list is another kind": (list_of(b'{"weight_map": [1]}'), "is not a shard index"),
}


@pytest.mark.parametrize("damage", sorted(INDEX_DAMAGES))
def test_each_shard_is_checked(bert, tmp_path, damage):
    mine = tmp_path / "mine"
    bert.save_pretrained(mine, **SHARDED)
    source = of(mine)
    do, reason = INDEX_DAMAGES[damage]
    do(mine)
    message = prevented(source)
    assert reason in message, message


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may read everything")
def test_weights_that_must_not_be_read_are_an_error(run, mine):
    (mine / "model.safetensors").chmod(0)
    assert "permission denied" in refused(run(of(mine)))


def test_a_missing_permission_is_reported_in_words(mine):
    """The same without another user, since root runs these tests in containers."""
    module = loaded(of(mine))

    def denied(*_):
        raise PermissionError(13, "Permission denied")

    module.__dict__["open"] = denied
    fault = module.fault_of(mine / "model.safetensors", module.fault_in_safetensors)
    assert fault == "cannot be read: permission denied"


def test_weights_of_other_shapes_are_an_error(frameworks, mine):
    other = made(frameworks, "BertModel", intermediate_size=96)
    source = of(mine)
    other.save_pretrained(mine)
    fault = "have other shapes than in the configuration"
    assert f"the weights in {mine} {fault}" in prevented(source)


def lose(mine, *beginnings):
    from safetensors.torch import load_file, save_file

    file = mine / "model.safetensors"
    tensors = load_file(file)
    kept = {name: value for name, value in tensors.items() if not name.startswith(beginnings)}
    assert 0 < len(kept) < len(tensors)
    save_file(kept, file, metadata={"format": "pt"})


@pytest.mark.parametrize("lost", ["encoder.layer.1.", "embeddings.word", "encoder."])
def test_weights_that_lack_a_layer_are_an_error(mine, lost):
    source = of(mine)
    lose(mine, lost)
    assert f"lack {lost}" in prevented(source)


def test_a_part_without_effect_may_be_missing(run, mine):
    """The pooler follows the output that is compared."""
    source = of(mine)
    lose(mine, "pooler.")
    code, end, output = result(run(source))
    assert (code, end["weights"]) == (0, "folder"), output
    assert "newly initialised: pooler.dense.bias, pooler.dense.weight" in end["message"]


def test_a_part_that_was_never_saved_is_reported(run, frameworks, tmp_path):
    """The model was trained to classify tokens: without a pooler, and with a head."""
    mine = tmp_path / "mine"
    made(frameworks, "BertForTokenClassification").save_pretrained(mine)
    code, end, output = result(run(of(mine)))
    assert (code, end["weights"]) == (0, "folder"), output
    assert "newly initialised: pooler.dense.bias" in end["message"]


def vit(frameworks, name):
    torch.manual_seed(7)
    return getattr(frameworks, name)(frameworks.ViTConfig(**configuration("dtf/tiny-vit"))).eval()


def test_a_head_that_was_never_saved_is_reported(run, frameworks, tmp_path):
    mine = tmp_path / "mine"
    vit(frameworks, "ViTModel").save_pretrained(mine)
    code, end, output = result(run(of(mine, "vision_classifier")))
    assert (code, end["weights"]) == (0, "folder"), output
    assert "newly initialised: classifier.bias, classifier.weight" in end["message"]


def test_a_head_that_was_lost_is_an_error(frameworks, tmp_path):
    mine = tmp_path / "mine"
    vit(frameworks, "ViTForImageClassification").save_pretrained(mine)
    source = of(mine, "vision_classifier")
    lose(mine, "classifier.")
    assert "lack classifier.bias, classifier.weight" in prevented(source)


def test_a_pipeline_has_its_weights_in_the_directory_of_the_denoiser(run, tmp_path):
    diffusers = pytest.importorskip("diffusers")
    config = configuration("dtf/tiny-stable-diffusion")
    mine = tmp_path / "mine"
    denoiser = diffusers.UNet2DConditionModel.from_config(config["unet"])
    (mine / "vae").mkdir(parents=True)
    denoiser.save_pretrained(mine / "unet")
    script = lambda: render(  # noqa: E731
        "diffusion",
        model="./mine",
        parameters=QUICK,
        weights_directory=str(mine),
    )
    model, source, _ = weights_of(script())
    assert source == "folder" and same(model.denoiser, denoiser)
    code, end, output = result(run(script()))
    assert (code, end["weights"]) == (0, "folder"), output
    assert end["parameters_unchecked"] == "it does not describe the parts of a pipeline"
    file = mine / "unet" / "diffusion_pytorch_model.safetensors"
    os.truncate(file, file.stat().st_size - 4)
    assert "is truncated" in prevented(script())
    file.write_bytes(POINTER)
    assert "diffusion_pytorch_model.safetensors is a Git LFS pointer" in prevented(script())
    file.unlink()
    assert "contains no weights" in prevented(script())


# By name: the cache, and the hub


@pytest.fixture
def cached(bert, tmp_path, monkeypatch):
    """A snapshot in a separate cache, with files that are links to blobs."""
    repository = tmp_path / "hub" / "hub" / "models--owner--bert"
    snapshot = repository / "snapshots" / ("a" * 40)
    bert.save_pretrained(tmp_path / "saved")
    for place in (snapshot, repository / "refs", repository / "blobs"):
        place.mkdir(parents=True)
    (repository / "refs" / "main").write_text("a" * 40, encoding="utf-8")
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "saved" / name).rename(repository / "blobs" / name)
        (snapshot / name).symlink_to(f"../../blobs/{name}")
    cache = str(repository.parent)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", cache)
    return Cached(snapshot, f"from huggingface_hub import constants\nconstants.HF_HUB_CACHE = {cache!r}")


class Cached:
    """A snapshot, and the code by which a process that has already read its settings finds it."""

    def __init__(self, path, before):
        self.path, self.before = path, before


CACHE = {"source": "cache", "model": "owner/bert", "revision": None, "or_random": False}
HUB = {"source": "hub", "model": "owner/bert", "commit": "c" * 40}


def named(source=None, **parameters):
    changes = {} if source is None else {"weights": source}
    return render("text_encoder", model="owner/bert", parameters={**QUICK, **parameters}, **changes)


@pytest.mark.parametrize("asked", ["auto", "cached"])
def test_weights_of_the_cache_are_used(run, cached, asked):
    code, end, output = result(run(named(weights=asked), cached.before))
    assert (code, end["weights"]) == (0, "cache"), output


@pytest.mark.parametrize("revision", ["a" * 40, "main", "abc123"])
def test_the_snapshot_of_a_revision_is_found_by_commit_or_branch(cached, bert, revision):
    if revision == "abc123":
        cached.path.rename(cached.path.parent / revision)
    model, source, _ = weights_of(named(source={**CACHE, "revision": revision}))
    assert source == "cache" and same(model, bert)


def test_a_commit_of_the_hub_is_taken_from_the_cache(run, cached):
    code, end, output = result(run(named(source={**HUB, "commit": "a" * 40}), cached.before))
    assert (code, end["weights"], end["weights_id"]) == (0, "hub", "owner/bert@" + "a" * 40), output
    missing = "the model cache of this machine does not have the weights of owner/bert at bbb"
    message = prevented(named(source={**HUB, "commit": "b" * 40}))
    assert message.startswith(missing) and "DTF_ALLOW_DOWNLOAD=1" in message


def test_a_snapshot_without_weights_is_reported(run, cached):
    (cached.path / "model.safetensors").unlink()
    code, end, output = result(run(named(), cached.before))
    assert (code, end["weights"]) == (0, "random"), output
    reason = "the model cache of this machine does not have the weights of owner/bert"
    assert f"random weights: {reason}" in end["message"] and end["weights_id"] is None
    assert prevented(named(weights="cached")) == reason


@pytest.mark.parametrize("damage", ["a pointer", "cut", "HTML", "empty", "not its tensors"])
def test_weights_of_the_cache_that_cannot_be_read_are_an_error(cached, damage):
    do, reason = DAMAGES[damage]
    do(cached.path)
    message = prevented(named())
    assert reason in message, message


def test_a_missing_blob_is_an_error(run, cached):
    (cached.path / "model.safetensors").resolve().unlink()
    assert "which does not exist" in refused(run(named(), cached.before), weights=None)


def test_a_pickle_is_read_only_if_that_is_allowed(cached, bert):
    (cached.path / "model.safetensors").unlink()
    torch.save(bert.state_dict(), cached.path / "pytorch_model.bin")
    assert "contains only pytorch_model.bin, a pickle" in prevented(named())
    model, source, _ = weights_of(named(allow_pickle=True))
    assert source == "cache" and same(model, bert)


OFFLINE = "from huggingface_hub import constants\nconstants.HF_HUB_OFFLINE = True"


def test_a_hub_that_does_not_answer_is_an_error(run):
    ran = run(named(source=HUB), OFFLINE, DTF_ALLOW_DOWNLOAD="1")
    message = refused(ran, weights=None)
    assert message.startswith("load: SetUp: cannot fetch the weights of owner/bert: ")


def answering(monkeypatch, answer):
    """The hub gives this answer for the files of a model, or raises it."""

    def list_repo_files(self, *_, **__):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("huggingface_hub.HfApi.list_repo_files", list_repo_files)
    monkeypatch.setenv("DTF_ALLOW_DOWNLOAD", "1")


def error_of_the_hub(name):
    kind = getattr(pytest.importorskip("huggingface_hub.errors"), name)
    return kind.__new__(kind)  # what else it is given differs between versions


@pytest.mark.parametrize("name", ["GatedRepoError", "RevisionNotFoundError", "OfflineModeIsEnabled"])
def test_a_hub_that_refuses_is_an_error(monkeypatch, name):
    answering(monkeypatch, error_of_the_hub(name))
    message = prevented(named(source=HUB))
    assert message.startswith("cannot fetch the weights of owner/bert: ")
    assert ("set HF_TOKEN" in message) == (name == "GatedRepoError")


def test_a_hub_without_weights_is_an_error(monkeypatch):
    answering(monkeypatch, ["config.json", "README.md"])
    assert prevented(named(source=HUB)) == f"the hub has no weights of owner/bert at {'c' * 40}"


def test_of_several_formats_one_is_fetched(monkeypatch, cached, bert):
    asked = {}

    def snapshot_download(model, **options):
        if "allow_patterns" not in options:
            raise FileNotFoundError
        asked.update(options)
        return str(cached.path)

    answering(monkeypatch, ["config.json", "model.safetensors", "pytorch_model.bin", "a.gguf"])
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    model, source, _ = weights_of(named(source=HUB))
    assert source == "hub" and same(model, bert)
    assert asked["allow_patterns"] == ["config.json", "model.safetensors"]
    assert asked["revision"] == HUB["commit"]


# Provided by a worker


def test_a_worker_provides_the_directory_the_word_and_the_identity(run, mine):
    provided = {"DTF_WEIGHTS": str(mine), "DTF_WEIGHTS_SOURCE": "folder", "DTF_WEIGHTS_ID": "sha256:1a"}
    elsewhere = {"source": "folder", "path": "/nowhere/mine"}
    code, end, output = result(run(of(mine, weights=elsewhere), **provided))
    assert (code, end["weights"], end["weights_id"]) == (0, "folder", "sha256:1a"), output
    assert "weights in /nowhere/mine (sha256:1a)" in end["message"]
    # Whatever the source was, the directory of the worker counts.
    code, end, output = result(run(named(source=HUB), **{**provided, "DTF_WEIGHTS_SOURCE": "hub"}))
    assert (code, end["weights"]) == (0, "hub"), output


def test_weights_of_an_address_need_a_worker():
    source = {"source": "url", "address": "https://x.org/a.safetensors", "sha256": "0" * 64}
    message = prevented(named(source=source))
    assert "https://x.org/a.safetensors" in message and "set DTF_WEIGHTS" in message
