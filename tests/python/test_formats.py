"""Weights in the formats of other libraries: sentence-transformers, PEFT, GGUF and quantised ones.

The files are made by the libraries themselves, where pip has them; each library is skipped where it
is missing. What a test computes from the files is compared with what the library computes.
"""

import json
import os
import shutil

import pytest
from test_templates import configuration, render
from test_templates import frameworks as frameworks  # fixtures
from test_templates import run as run
from test_templates import warm as warm
from test_weights import POINTER, loaded, made, of, prevented, result, weights_of

torch = pytest.importorskip("torch")


def sentence_vectors(source, tokens, mask):
    """What the script of an embedding test computes for these tokens."""
    script, transformers = loaded(source), pytest.importorskip("transformers")
    config = script.build_config(transformers)
    model, word, _ = script.load_model(torch, script.auto_class(transformers), config)
    assert word == "folder"
    with torch.no_grad():
        return script.forward(torch, model, {"input_ids": tokens, "attention_mask": mask})


def tokens_of_two():
    tokens = torch.randint(5, 900, (2, 17), generator=torch.Generator().manual_seed(3))
    mask = torch.ones_like(tokens)
    mask[1, 11:] = 0
    return tokens, mask


# sentence-transformers


@pytest.fixture(scope="module")
def library():
    return pytest.importorskip("sentence_transformers")


def write_tokenizer(place):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{n}" for n in range(1019))]
    (place / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    settings = {"tokenizer_class": "BertTokenizer", "model_max_length": 64}
    (place / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def sentence_model(library, frameworks, place, *more):
    """A model of the library: a small BERT with the given modules behind it."""
    from sentence_transformers.models import Transformer

    plain = place / "plain"
    made(frameworks, "BertModel").save_pretrained(plain)
    write_tokenizer(plain)
    torch.manual_seed(5)
    model = library.SentenceTransformer(modules=[Transformer(str(plain)), *(one() for one in more)])
    return model.eval()


def modules():
    models = pytest.importorskip("sentence_transformers.models")
    pool = lambda *kinds: lambda: models.Pooling(64, pooling_mode=list(kinds))  # noqa: E731
    dense = lambda size, **options: lambda: models.Dense(64, size, **options)  # noqa: E731
    return {
        "mean": [pool("mean")],
        "normalised": [pool("mean"), models.Normalize],
        "cls": [pool("cls"), models.Normalize],
        "max": [pool("max")],
        "last": [pool("lasttoken")],
        "weighted": [pool("weightedmean")],
        "square root": [pool("mean_sqrt_len_tokens")],
        "dense": [pool("mean"), dense(24), models.Normalize],
        "linear": [pool("cls"), dense(48, activation_function=torch.nn.Identity(), bias=False)],
        "norm": [pool("mean"), lambda: models.LayerNorm(64)],
        "dropout": [pool("mean"), lambda: models.Dropout(0.5)],
        "two kinds": [pool("cls", "max"), models.Normalize],
    }


KINDS = [
    *("mean", "normalised", "cls", "max", "last", "weighted", "square root", "dense", "linear"),
    *("norm", "dropout", "two kinds"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_embedding_is_computed_as_its_directory_defines_it(library, frameworks, tmp_path, kind):
    model = sentence_model(library, frameworks, tmp_path, *modules()[kind])
    model.save(str(tmp_path / "mine"))
    tokens, mask = tokens_of_two()
    with torch.no_grad():
        expected = model({"input_ids": tokens, "attention_mask": mask})["sentence_embedding"]
    actual = sentence_vectors(of(tmp_path / "mine", "embedding"), tokens, mask)
    assert actual.shape == expected.shape
    assert torch.allclose(actual, expected, atol=1e-6), (actual - expected).abs().max()


def test_a_sentence_model_passes_with_its_own_modules(library, frameworks, run, tmp_path):
    mine = tmp_path / "mine"
    sentence_model(library, frameworks, tmp_path, *modules()["dense"]).save(str(mine))
    parameters = {"sequence_length": 24}
    code, end, output = result(run(of(mine, "embedding", parameters)))
    assert (code, end["weights"]) == (0, "folder"), output
    code, end, output = result(run(of(mine, "embedding", {**parameters, "dtype": "bf16"})))
    assert (code, end["weights"]) == (0, "folder"), output


def edit(path, change):
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def old_layout(mine):
    """The directory as versions before 2.0 wrote it: the transformer in a subdirectory."""
    part = mine / "0_Transformer"
    part.mkdir()
    for path in [one for one in mine.iterdir() if one.is_file() and one.name != "modules.json"]:
        path.rename(part / path.name)
    edit(mine / "modules.json", lambda listed: listed[0].update(path="0_Transformer"))
    flags = {"word_embedding_dimension": 64, "pooling_mode_mean_tokens": True}
    (mine / "1_Pooling" / "config.json").write_text(json.dumps(flags), encoding="utf-8")


def test_the_layout_of_older_versions_is_loaded(library, frameworks, tmp_path):
    mine = tmp_path / "mine"
    model = sentence_model(library, frameworks, tmp_path, *modules()["dense"])
    model.save(str(mine))
    source = of(mine, "embedding")
    old_layout(mine)
    tokens, mask = tokens_of_two()
    with torch.no_grad():
        expected = model({"input_ids": tokens, "attention_mask": mask})["sentence_embedding"]
    assert torch.allclose(sentence_vectors(source, tokens, mask), expected, atol=1e-6)


def dense_of(mine):
    return mine / "2_Dense"


SENTENCE_DAMAGES = {
    "no dense weights": (
        lambda mine: (dense_of(mine) / "model.safetensors").unlink(),
        "of a Dense contains no weights",
    ),
    "dense weights are a pointer": (
        lambda mine: (dense_of(mine) / "model.safetensors").write_bytes(POINTER),
        "model.safetensors is a Git LFS pointer",
    ),
    "dense weights of another size": (
        lambda mine: edit(dense_of(mine) / "config.json", lambda c: c.update(out_features=7)),
        "does not fit its Dense",
    ),
    "dense pickles": (
        lambda mine: (
            torch.save({}, dense_of(mine) / "pytorch_model.bin"),
            (dense_of(mine) / "model.safetensors").unlink(),
        ),
        "contains only pytorch_model.bin, a pickle",
    ),
    "no settings of dense": (
        lambda mine: (dense_of(mine) / "config.json").unlink(),
        "config.json does not define a Dense",
    ),
    "an unknown activation": (
        lambda mine: edit(
            dense_of(mine) / "config.json", lambda c: c.update(activation_function="os.system")
        ),
        "names the activation 'os.system'",
    ),
    "an unknown pooling": (
        lambda mine: edit(mine / "1_Pooling" / "config.json", lambda c: c.update(pooling_mode="x")),
        "names the pooling 'x'",
    ),
    "the pooling is HTML": (
        lambda mine: (mine / "1_Pooling" / "config.json").write_text("<html>"),
        "config.json is not a JSON file",
    ),
    "an unknown module": (
        lambda mine: edit(mine / "modules.json", lambda c: c[2].update(type="models.LSTM")),
        "that this test does not compute: Transformer, Pooling, LSTM",
    ),
    "no module list": (
        lambda mine: (mine / "modules.json").write_text("{}"),
        "modules.json is not a list of modules",
    ),
    "modules lead away": (
        lambda mine: edit(mine / "modules.json", lambda c: c[0].update(path="../other")),
        "names a directory outside of the model",
    ),
}


@pytest.fixture
def sentences(library, frameworks, tmp_path):
    mine = tmp_path / "mine"
    sentence_model(library, frameworks, tmp_path, *modules()["dense"]).save(str(mine))
    return mine


@pytest.mark.parametrize("damage", sorted(SENTENCE_DAMAGES))
def test_a_damaged_sentence_model_is_an_error(sentences, damage):
    source = of(sentences, "embedding")
    do, reason = SENTENCE_DAMAGES[damage]
    do(sentences)
    message = prevented(source)
    assert reason in message, message
