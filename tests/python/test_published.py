"""A published model whose weights are in a Python package: what it computes is known from its page."""

import pytest
from test_templates import frameworks as frameworks  # fixtures
from test_templates import run as run
from test_templates import warm as warm
from test_weights import loaded, of, result

torch = pytest.importorskip("torch")

# The example of sentence-transformers for this model (https://sbert.net, "Quickstart"), and the
# similarities that it prints.
SENTENCES = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
SIMILARITIES = {(0, 1): 0.6660, (0, 2): 0.1046, (1, 2): 0.1411}
# Of the published model: 22.7 million.
PARAMETERS = 22_713_216


@pytest.fixture(scope="module")
def minilm(tmp_path_factory):
    """The directory of sentence-transformers/all-MiniLM-L6-v2, as it was published."""
    package = pytest.importorskip("all_minilm_l6_v2")
    return package.extract_model(str(tmp_path_factory.mktemp("published")))


@pytest.mark.parametrize("dtype, close", [("fp32", 1e-4), ("bf16", 0.02)])
def test_the_similarities_are_those_of_the_page_of_the_model(frameworks, minilm, dtype, close):
    script = loaded(of(minilm, "embedding"))
    tokenizer = frameworks.AutoTokenizer.from_pretrained(minilm)
    tokens = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    facts = {}
    config = script.build_config(frameworks)
    model, _ = script.load_model(torch, script.auto_class(frameworks), config, facts)
    assert facts["weights_format"] == "safetensors" and facts["parameters_loaded"] == PARAMETERS
    model = script.in_precision(torch, model, dtype)
    with torch.no_grad():
        vectors = script.forward(torch, model, dict(tokens)).float()
    for (first, second), expected in SIMILARITIES.items():
        cosine = float(torch.nn.functional.cosine_similarity(vectors[first], vectors[second], dim=0))
        assert abs(cosine - expected) <= close, (first, second, cosine)


def test_a_published_model_passes(run, minilm):
    code, end, output = result(run(of(minilm, "embedding", {"sequence_length": 32})))
    assert (code, end["weights"], end["parameters_loaded"]) == (0, "folder", PARAMETERS), output
