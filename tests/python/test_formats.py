"""Weights in the formats of other libraries: sentence-transformers, PEFT, GGUF and quantised ones.

The files are made by the libraries themselves, except those of GPTQ, AWQ and int8, which are packed
here by the layout of their formats. What a test computes from the files is compared with what the
library computes. bitsandbytes and mlx are not in requirements.txt because of their size: where they
are missing, their tests are skipped.
"""

import importlib
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


def optional(name):
    """A library that is too large for every machine that runs these tests, such as bitsandbytes."""
    try:
        return importlib.import_module(name)
    except ImportError:
        pytest.skip(f"{name} is optional: install it to compare with what it computes")


def sentence_vectors(source, tokens, mask):
    """What the script of an embedding test computes for these tokens."""
    script, transformers = loaded(source), pytest.importorskip("transformers")
    config = script.build_config(transformers)
    model, _ = script.load_model(torch, script.auto_class(transformers), config, {})
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


# PEFT adapters


@pytest.fixture(scope="module")
def peft():
    return pytest.importorskip("peft")


def llama(frameworks, seed=7):
    torch.manual_seed(seed)
    config = frameworks.LlamaConfig(**configuration("dtf/tiny-llama"))
    return frameworks.LlamaForCausalLM(config).eval()


def adapter_of(peft, base, kind, **options):
    """A model with an adapter whose weights are all different from zero."""
    task = options.pop("task", "CAUSAL_LM")
    model = peft.get_peft_model(base, getattr(peft, kind)(task_type=task, **options)).eval()
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for value in (p for name, p in model.named_parameters() if p.requires_grad):
            value.add_(torch.randn(value.shape, generator=generator) * 0.05)
    return model


ADAPTERS = {
    "LoRA": ("LoraConfig", {"r": 4, "target_modules": ["q_proj", "v_proj"]}),
    "DoRA": ("LoraConfig", {"r": 4, "target_modules": ["q_proj"], "use_dora": True}),
    "rank-stabilised": ("LoraConfig", {"r": 4, "target_modules": "all-linear", "use_rslora": True}),
    "IA3": ("IA3Config", {"target_modules": ["k_proj"], "feedforward_modules": []}),
    "with the head": ("LoraConfig", {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}),
}


@pytest.fixture
def base(frameworks, tmp_path):
    llama(frameworks).save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def saved_adapter(peft, frameworks, base, kind="LoRA", place=None):
    name, options = ADAPTERS[kind]
    model = adapter_of(peft, frameworks.LlamaForCausalLM.from_pretrained(base), name, **options)
    mine = base.parent / "mine"
    model.save_pretrained(mine)
    if place is not None:
        edit(mine / "adapter_config.json", lambda c: c.update(base_model_name_or_path=place))
    return model, mine


def of_adapter(mine, base, **parameters):
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    context = {"config": config, "model_type": config["model_type"], "model": "./mine"}
    parameters = {"warm_up": 1, "iterations": 2, "min_seconds": 0, **parameters}
    return render("decoder_llm", parameters=parameters, weights_directory=str(mine), **context)


def logits(model, tokens):
    with torch.no_grad():
        return model(input_ids=tokens).logits


@pytest.mark.parametrize("kind", sorted(ADAPTERS))
def test_an_adapter_is_added_to_its_base_model(peft, frameworks, base, kind):
    expected, mine = saved_adapter(peft, frameworks, base, kind)
    model, source, why = weights_of(of_adapter(mine, base))
    tokens, _ = tokens_of_two()
    assert source == "folder" and str(base) in why
    assert torch.allclose(logits(model, tokens), logits(expected, tokens), atol=1e-5)
    plain = logits(llama(frameworks), tokens)
    assert (logits(model, tokens) - plain).abs().max() > 1e-4


def test_a_test_of_an_adapter_passes(peft, frameworks, run, base):
    _, mine = saved_adapter(peft, frameworks, base)
    code, end, output = result(run(of_adapter(mine, base)))
    assert (code, end["weights"]) == (0, "folder"), output


def test_the_base_model_is_found_beside_the_adapter(peft, frameworks, base):
    _, mine = saved_adapter(peft, frameworks, base, place="owner/not-here")
    source = of_adapter(mine, base)
    assert "the base model owner/not-here of the adapter" in prevented(source)
    shutil.copytree(base, mine / "base_model")
    _, _, why = weights_of(source)
    assert str(mine / "base_model") in why


@pytest.mark.parametrize("place", ["./base", "../base", "runs/../base"])
def test_the_base_model_is_found_where_the_training_has_found_it(peft, frameworks, base, place):
    # The name is relative to the directory in which the training ran, and to no other.
    _, mine = saved_adapter(peft, frameworks, base, place=place)
    (base.parent / "runs").mkdir()
    _, _, why = weights_of(of_adapter(mine, base))
    assert os.path.normpath(why.split("base model in ")[1]) == str(base)


def test_an_adapter_of_an_adapter_is_refused(peft, frameworks, base):
    _, mine = saved_adapter(peft, frameworks, base)
    (mine / "base_model").mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(mine / name, mine / "base_model" / name)
    assert "is an adapter, too" in prevented(of_adapter(mine, base))


def other_base(mine):
    """The base model has another size than the one that the adapter was trained for."""
    edit(mine.parent / "base" / "config.json", lambda c: c.update(intermediate_size=96))


def without_weights(mine):
    (mine / "adapter_model.safetensors").unlink()


def in_adapter(change):
    def damage(mine):
        from safetensors.torch import load_file, save_file

        file = mine / "adapter_model.safetensors"
        tensors = load_file(file)
        change(tensors)
        save_file(tensors, file, metadata={"format": "pt"})

    return damage


def settings_with(**values):
    return lambda mine: edit(mine / "adapter_config.json", lambda c: c.update(values))


ADAPTER_DAMAGES = {
    "no weights": (without_weights, "adapter_model.safetensors is missing"),
    "a pointer": (
        lambda mine: (mine / "adapter_model.safetensors").write_bytes(POINTER),
        "is a Git LFS pointer",
    ),
    "cut": (
        lambda mine: os.truncate(mine / "adapter_model.safetensors", 2000),
        "is truncated: it has 2000",
    ),
    "a key is missing": (
        in_adapter(lambda tensors: tensors.pop(sorted(tensors)[0])),
        "lack model.layers.0.self_attn.q_proj.lora_A.weight",
    ),
    "a key is left over": (
        in_adapter(lambda tensors: tensors.update({"base_model.model.x.lora_A.weight": torch.ones(1)})),
        "contain x.lora_A.weight",
    ),
    "another rank": (settings_with(r=2), "cannot be added to"),
    "no such layer": (settings_with(target_modules=["nowhere"]), "cannot be added to"),
    "no base": (settings_with(base_model_name_or_path=None), "names no base model"),
    "an unknown kind": (settings_with(peft_type="NEW"), "an adapter of the kind NEW, cannot be added"),
    "settings are HTML": (
        lambda mine: (mine / "adapter_config.json").write_text("<html>"),
        "adapter_config.json is not a JSON file",
    ),
    "base weights are cut": (
        lambda mine: os.truncate(mine.parent / "base" / "model.safetensors", 5000),
        "is truncated: it has 5000",
    ),
    "base weights are missing": (
        lambda mine: (mine.parent / "base" / "model.safetensors").unlink(),
        "contains no weights",
    ),
}


@pytest.mark.parametrize("damage", sorted(ADAPTER_DAMAGES))
def test_a_damaged_adapter_is_an_error(peft, frameworks, base, damage):
    _, mine = saved_adapter(peft, frameworks, base)
    source = of_adapter(mine, base)
    do, reason = ADAPTER_DAMAGES[damage]
    do(mine)
    message = prevented(source)
    assert reason in message, message


def test_an_adapter_of_prompts_is_refused(peft, frameworks, base):
    model = frameworks.LlamaForCausalLM.from_pretrained(base)
    settings = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    peft.get_peft_model(model, settings).save_pretrained(base.parent / "mine")
    message = prevented(of_adapter(base.parent / "mine", base))
    assert "an adapter of the kind PROMPT_TUNING, cannot be added" in message


# GGUF


@pytest.fixture(scope="module")
def gguf():
    pytest.importorskip("accelerate")
    return pytest.importorskip("gguf")


# Names of llama.cpp for the weights of a Llama, by those of transformers.
OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
INNER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def in_pairs(weight, heads):
    """Rotary pairs side by side, as llama.cpp stores them."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def write_gguf(gguf, model, path, kind=None, architecture="llama", without=(), tokenizer=None):
    """Writes a Llama as a GGUF file. `kind` is the type of its matrices, such as Q8_0. `tokenizer` has a
    vocabulary and merges of pairs of bytes."""
    config = model.config
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    if tokenizer is not None:
        vocabulary, merges = tokenizer
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(vocabulary)
        writer.add_token_types([1] * len(vocabulary))
        writer.add_token_merges(merges)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
    for name, value in model.state_dict().items():
        stem = name.removesuffix(".weight")
        if stem.startswith("model.layers."):
            _, _, number, rest = stem.split(".", 3)
            stem = f"blk.{number}.{INNER[rest]}"
            heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
            count = heads.get(INNER[rest])
            value = in_pairs(value, count) if count else value
        else:
            stem = OUTER[stem]
        if f"{stem}.weight" in without:
            continue
        values = value.float().numpy()
        if kind is not None and values.ndim == 2:
            packed = gguf.quantize(values, kind)
            writer.add_tensor(f"{stem}.weight", packed, raw_dtype=kind)
        else:
            writer.add_tensor(f"{stem}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_source(place, frameworks, **parameters):
    context = {"config": configuration("dtf/tiny-llama"), "model_type": "llama", "model": "./mine"}
    parameters = {"warm_up": 1, "iterations": 2, "min_seconds": 0, **parameters}
    return render("decoder_llm", parameters=parameters, weights_directory=str(place), **context)


@pytest.fixture
def packed(gguf, frameworks, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    write_gguf(gguf, llama(frameworks), mine / "model.gguf")
    return mine


@pytest.mark.parametrize("kind, close", [(None, 1e-5), ("Q8_0", 0.05), ("F16", 1e-2)])
def test_a_gguf_file_is_loaded_as_plain_numbers(gguf, frameworks, tmp_path, kind, close):
    model = llama(frameworks)
    mine = tmp_path / "mine"
    mine.mkdir()
    write_gguf(gguf, model, mine / "a.gguf", kind and getattr(gguf.GGMLQuantizationType, kind))
    loaded_model, source, _ = weights_of(gguf_source(mine, frameworks))
    tokens, _ = tokens_of_two()
    assert source == "folder"
    assert {value.dtype for value in loaded_model.parameters()} == {torch.float32}
    expected, actual = logits(model, tokens), logits(loaded_model, tokens)
    assert (actual - expected).abs().max() <= close * expected.abs().max()


@pytest.mark.parametrize("name", ["", "model.gguf"])
def test_a_test_of_a_gguf_file_passes(packed, frameworks, run, name):
    # Beside a file that is named alone, others do not matter.
    if name:
        shutil.copy(packed / name, packed / "other.gguf")
    code, end, output = result(run(gguf_source(packed / name, frameworks)))
    assert (code, end["weights"], end["weights_format"]) == (0, "folder", "gguf"), output


def pairs_of_bytes():
    """The vocabulary of a small tokenizer, in the order of the ids, and its merges."""
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator(["the weights of the model and of the other model"], trainer)
    model = json.loads(made.to_str())["model"]
    merges = [one if isinstance(one, str) else " ".join(one) for one in model["merges"]]
    return sorted(model["vocab"], key=model["vocab"].get), merges


@pytest.mark.parametrize("name", ["", "model.gguf"])
def test_the_tokenizer_in_a_gguf_file_is_used(gguf, frameworks, tmp_path, run, name):
    path = tmp_path / "model.gguf"
    write_gguf(gguf, llama(frameworks), path, tokenizer=pairs_of_bytes())
    code, end, output = result(run(gguf_source(tmp_path / name, frameworks)))
    assert code == 0, output
    assert "text" not in end["quality_notes"], end["quality_notes"]
    assert "quality_perplexity" in output, output


GGUF_DAMAGES = {
    "a pointer": (lambda file: file.write_bytes(POINTER), "model.gguf is a Git LFS pointer"),
    "HTML": (lambda file: file.write_text("<!DOCTYPE html>"), "is not a GGUF file but an HTML page"),
    "empty": (lambda file: file.write_bytes(b""), "model.gguf is empty"),
    "a few bytes": (lambda file: os.truncate(file, 9), "is truncated: it has 9 bytes"),
    "half a header": (lambda file: os.truncate(file, 200), "cannot be"),
    "cut": (lambda file: os.truncate(file, file.stat().st_size - 64), "is truncated or damaged"),
    "safetensors": (
        lambda file: file.write_bytes((20).to_bytes(8, "little") + b'{"a": 1}' + bytes(99)),
        "is not a GGUF file but a safetensors file",
    ),
    "two": (lambda file: shutil.copy(file, file.parent / "b.gguf"), "has several GGUF files"),
}


@pytest.mark.parametrize("damage", sorted(GGUF_DAMAGES))
def test_a_damaged_gguf_file_is_an_error(packed, frameworks, damage):
    do, reason = GGUF_DAMAGES[damage]
    do(packed / "model.gguf")
    message = prevented(gguf_source(packed, frameworks))
    assert reason in message, message


def test_a_gguf_file_that_lacks_a_weight_is_an_error(gguf, frameworks, tmp_path):
    without = ["blk.1.ffn_up.weight"]
    write_gguf(gguf, llama(frameworks), tmp_path / "a.gguf", without=without)
    message = prevented(gguf_source(tmp_path, frameworks))
    assert "lack model.layers.1.mlp.up_proj.weight" in message


def test_an_unknown_architecture_of_gguf_is_an_error(gguf, frameworks, tmp_path):
    write_gguf(gguf, llama(frameworks), tmp_path / "a.gguf", architecture="unheard")
    assert "unheard" in prevented(gguf_source(tmp_path, frameworks))


# Quantised weights


def packed_bits(values, bits):
    """Rows of whole numbers as 32-bit words without gaps, computed one bit after the other."""
    rows = []
    for row in values.tolist():
        stream = sum(value << (bits * at) for at, value in enumerate(row))
        rows.append([(stream >> (32 * word)) & 0xFFFFFFFF for word in range(len(row) * bits // 32)])
    words = torch.tensor(rows, dtype=torch.int64)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


def rounded(weight, bits, group):
    """Groups of whole numbers with a scale and a zero each: numbers, scales, zeros, values."""
    groups = weight.reshape(weight.shape[0], -1, group)
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    scale = ((high - low) / (2**bits - 1)).half().float()
    zero = (-low / scale).round().clamp(0, 2**bits - 1)
    numbers = ((groups / scale).round() + zero).clamp(0, 2**bits - 1)
    values = (numbers - zero) * scale
    flat = (numbers.reshape(weight.shape).long(), scale[..., 0], zero[..., 0].long())
    return (*flat, values.reshape(weight.shape))


def gptq(weight, bits, first_version=True):
    numbers, scale, zero, values = rounded(weight, bits, 32)
    stored = (zero - 1 if first_version else zero) & (2**bits - 1)
    tensors = {
        "qweight": packed_bits(numbers, bits).T.contiguous(),
        "qzeros": packed_bits(stored.T, bits),
        "scales": scale.T.contiguous().half(),
        "g_idx": (torch.arange(weight.shape[1]) // 32).int(),
    }
    return tensors, values


def awq(weight, bits):
    numbers, scale, zero, values = rounded(weight, bits, 32)
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    mixed = lambda rows: rows.reshape(len(rows), -1, 8)[:, :, order].flatten(1)  # noqa: E731
    tensors = {
        "qweight": packed_bits(mixed(numbers.T), bits),
        "qzeros": packed_bits(mixed(zero.T), bits),
        "scales": scale.T.contiguous().half(),
    }
    return tensors, values


def mlx(weight, bits):
    core = optional("mlx.core")
    parts = core.quantize(core.array(weight.numpy()), group_size=32, bits=bits)
    import numpy

    values = torch.tensor(numpy.array(core.dequantize(*parts, group_size=32, bits=bits)))
    names = ("weight", "scales", "biases")
    tensors = {name: torch.from_numpy(numpy.array(part)) for name, part in zip(names, parts)}
    return tensors, values


def bitsandbytes(weight, kind):
    if kind == 8:
        largest = weight.abs().amax(1)
        numbers = (weight * 127 / largest[:, None]).round().to(torch.int8)
        return {"weight": numbers, "SCB": largest}, numbers.float() * largest[:, None] / 127
    functional = optional("bitsandbytes.functional")
    nested = kind == "nested"
    packed, state = functional.quantize_4bit(
        weight, quant_type="fp4" if kind == "fp4" else "nf4", compress_statistics=nested
    )
    values = functional.dequantize_4bit(packed, state)
    parts = {f"weight.{name}": value for name, value in state.as_dict(packed=True).items()}
    return {"weight": packed, **parts}, values


def fp8(weight, block):
    """Blocks of fp8 with a scale each, as transformers and the checkpoints of DeepSeek have them."""
    rows, columns = (size // block for size in weight.shape)
    blocks = weight.reshape(rows, block, columns, block)
    scales = blocks.abs().amax(dim=(1, 3)) / torch.finfo(torch.float8_e4m3fn).max
    packed = (blocks / scales[:, None, :, None]).to(torch.float8_e4m3fn)
    values = (packed.float() * scales[:, None, :, None]).reshape(weight.shape)
    return {"weight": packed.reshape(weight.shape), "weight_scale_inv": scales}, values


def quantisation(method, **more):
    return {"quantization_config": {"quant_method": method, **more}}


QUANTISED = {
    "gptq, 4 bits": (lambda w: gptq(w, 4), quantisation("gptq", bits=4, group_size=32)),
    "gptq, 8 bits": (lambda w: gptq(w, 8), quantisation("gptq", bits=8, group_size=32)),
    "gptq, 3 bits": (lambda w: gptq(w, 3), quantisation("gptq", bits=3, group_size=32)),
    "gptq, second version": (
        lambda w: gptq(w, 4, first_version=False),
        quantisation("gptq", bits=4, group_size=32, checkpoint_format="gptq_v2"),
    ),
    "awq": (lambda w: awq(w, 4), quantisation("awq", bits=4, group_size=32, version="gemm")),
    "mlx, 4 bits": (lambda w: mlx(w, 4), {"quantization": {"group_size": 32, "bits": 4}}),
    "mlx, 3 bits": (lambda w: mlx(w, 3), {"quantization": {"group_size": 32, "bits": 3}}),
    "mlx, 6 bits": (lambda w: mlx(w, 6), {"quantization": {"group_size": 32, "bits": 6}}),
    "nf4": (lambda w: bitsandbytes(w, "nf4"), quantisation("bitsandbytes", load_in_4bit=True)),
    "fp4": (lambda w: bitsandbytes(w, "fp4"), quantisation("bitsandbytes", load_in_4bit=True)),
    "nested": (lambda w: bitsandbytes(w, "nested"), quantisation("bitsandbytes", load_in_4bit=True)),
    "int8": (lambda w: bitsandbytes(w, 8), quantisation("bitsandbytes", load_in_8bit=True)),
    "fp8": (lambda w: fp8(w, 16), quantisation("fp8", weight_block_size=[16, 16])),
}


def write_quantised(frameworks, mine, pack):
    """A Llama whose linear layers are packed; returns the model with the values that they mean."""
    from safetensors.torch import save_file

    model = llama(frameworks)
    model.save_pretrained(mine)
    weights = {}
    for name, value in model.state_dict().items():
        if "_proj" not in name:
            weights[name] = value
            continue
        tensors, meant = pack(value)
        stem = name.removesuffix(".weight")
        weights |= {f"{stem}.{part}": tensor.contiguous() for part, tensor in tensors.items()}
        with torch.no_grad():
            value.copy_(meant)
    save_file({k: v.clone() for k, v in weights.items()}, mine / "model.safetensors", {"format": "pt"})
    return model


def quantised_source(mine, sections, **parameters):
    edit(mine / "config.json", lambda config: config.update(sections))
    return of_adapter(mine, mine, **parameters)


@pytest.mark.parametrize("kind", sorted(QUANTISED))
def test_quantised_weights_are_converted_to_the_values_that_they_represent(
    frameworks, tmp_path, kind
):
    pack, sections = QUANTISED[kind]
    expected = write_quantised(frameworks, tmp_path, pack)
    model, source, _ = weights_of(quantised_source(tmp_path, sections))
    assert source == "folder"
    theirs = expected.state_dict()
    for name, value in model.state_dict().items():
        assert value.dtype == torch.float32
        size = theirs[name].abs().max()
        assert (value - theirs[name]).abs().max() <= 1e-3 * size, name


@pytest.mark.parametrize("kind", ["gptq, 4 bits", "awq"])
def test_a_test_of_quantised_weights_passes(frameworks, run, tmp_path, kind):
    pack, sections = QUANTISED[kind]
    write_quantised(frameworks, tmp_path, pack)
    code, end, output = result(run(quantised_source(tmp_path, sections)))
    assert (code, end["weights"]) == (0, "folder"), output
    assert "parameters_unchecked" not in end, "they are plain numbers, which are counted"


def change_tensors(mine, change):
    from safetensors.torch import load_file, save_file

    tensors = load_file(mine / "model.safetensors")
    change(tensors)
    save_file(tensors, mine / "model.safetensors", {"format": "pt"})


Q = "model.layers.0.self_attn.q_proj"
PACKED_DAMAGES = {
    "no scales": (lambda t: t.pop(f"{Q}.scales"), f"lack {Q}.weight"),
    "no zeros": (lambda t: t.pop(f"{Q}.qzeros"), f"lack {Q}.weight"),
    "a group too few": (
        lambda t: t.update({f"{Q}.scales": t[f"{Q}.scales"][:1].clone()}),
        "in a layout that is not known",
    ),
    "half of it": (
        lambda t: t.update({f"{Q}.qweight": t[f"{Q}.qweight"][:, ::2].contiguous()}),
        "in a layout that is not known",
    ),
    "no weight": (
        lambda t: [t.pop(f"{Q}.{part}") for part in ("qweight", "qzeros", "scales", "g_idx")],
        f"lack {Q}.weight",
    ),
}


@pytest.mark.parametrize("damage", sorted(PACKED_DAMAGES))
def test_damaged_quantised_weights_are_an_error(frameworks, tmp_path, damage):
    pack, sections = QUANTISED["gptq, 4 bits"]
    write_quantised(frameworks, tmp_path, pack)
    source = quantised_source(tmp_path, sections)
    do, reason = PACKED_DAMAGES[damage]
    change_tensors(tmp_path, do)
    message = prevented(source)
    assert reason in message, message


# The values of the 16 numbers of fp4 (e2m1).
FP4_VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0)


def mxfp4(weight):
    """[experts, in, out] in blocks of 32 values along `in` with a power of two each, as the checkpoints of
    gpt-oss have them: blocks [experts, out, in/32, 16] and scales [experts, out, in/32] in bytes."""
    blocks = weight.transpose(1, 2).unflatten(2, (-1, 32))
    exponents = torch.ceil(torch.log2(blocks.abs().amax(-1) / 6.0)).clamp(min=-100)
    scaled = blocks / torch.exp2(exponents)[..., None]
    numbers = (scaled[..., None] - torch.tensor(FP4_VALUES)).abs().argmin(-1)
    values = torch.tensor(FP4_VALUES)[numbers] * torch.exp2(exponents)[..., None]
    packed = (numbers[..., 0::2] | (numbers[..., 1::2] << 4)).to(torch.uint8)
    meant = values.flatten(2).transpose(1, 2)
    return packed, (exponents + 127).to(torch.uint8), meant


def test_experts_in_mxfp4_are_converted_to_the_values_that_they_represent(frameworks, tmp_path):
    from safetensors.torch import save_file

    sizes = {"hidden_size": 64, "intermediate_size": 32, "head_dim": 16, "vocab_size": 96}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2}
    experts = {"num_local_experts": 4, "num_experts_per_tok": 2, "max_position_embeddings": 256}
    torch.manual_seed(7)
    config = frameworks.GptOssConfig(**sizes, **heads, **experts, pad_token_id=0, eos_token_id=1)
    model = frameworks.GptOssForCausalLM(config).float().eval()
    model.save_pretrained(tmp_path)
    weights = {}
    for name, value in model.state_dict().items():
        if not name.endswith(("gate_up_proj", "down_proj")):
            weights[name] = value.clone()
            continue
        packed, scales, meant = mxfp4(value)
        weights |= {f"{name}_blocks": packed.contiguous(), f"{name}_scales": scales.contiguous()}
        with torch.no_grad():
            value.copy_(meant)
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    edit(tmp_path / "config.json", lambda config: config.update(quantisation("mxfp4")))
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    context = {"config": config, "model_type": "gpt_oss", "model": "./mine"}
    parameters = {"warm_up": 1, "iterations": 2, "min_seconds": 0}
    source = render("decoder_moe", parameters=parameters, weights_directory=str(tmp_path), **context)
    loaded, kind, _ = weights_of(source)
    assert kind == "folder"
    theirs = model.state_dict()
    assert loaded.state_dict().keys() == theirs.keys(), "the experts are plain parameters"
    for name, value in loaded.state_dict().items():
        assert value.dtype == torch.float32
        size = theirs[name].abs().max()
        assert (value - theirs[name]).abs().max() <= 1e-6 * size, name
