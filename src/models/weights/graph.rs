//! Graphs that exporters write: ONNX files, and the two files of an OpenVINO model.
//!
//! A test runs one graph. Which one is determined by the names of the files: the name that exporters
//! give to a whole model, or the only graph of a directory. Its content is checked by the test.

/// Subdirectories in which exporters save graphs.
pub(super) const EXPORTS: [&str; 2] = ["onnx", "openvino"];
const ONNX: &str = ".onnx";
const OPENVINO: &str = ".xml";
/// Graphs of OpenVINO beside that of a model, which turn texts into tokens and back.
const TOKENIZERS: [&str; 2] = ["openvino_tokenizer.xml", "openvino_detokenizer.xml"];

/// The format of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphFormat {
    Onnx,
    OpenVino,
}

/// The graph of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    pub format: GraphFormat,
    /// Its path in the directory of the model, with `/`.
    pub file: String,
}

impl GraphFormat {
    /// For people, with its article.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Onnx => "an ONNX graph",
            Self::OpenVino => "an OpenVINO graph",
        }
    }

    /// The runtimes that run it, by the names of the parameter `runtime`; the usual one is first.
    #[must_use]
    pub fn runtimes(self) -> &'static [&'static str] {
        match self {
            Self::Onnx => &["onnxruntime", "openvino"],
            Self::OpenVino => &["openvino"],
        }
    }

    /// The suffix of its file, and the name that exporters give to a whole model.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Onnx => (ONNX, "model.onnx"),
            Self::OpenVino => (OPENVINO, "openvino_model.xml"),
        }
    }
}

impl Graph {
    /// The graph in a file, by the suffix of its name.
    fn of(file: String) -> Option<Self> {
        let format = [GraphFormat::Onnx, GraphFormat::OpenVino]
            .into_iter()
            .find(|format| file.ends_with(format.names().0))?;
        Some(Self { format, file })
    }

    /// This graph in a subdirectory.
    pub(super) fn inside(self, part: &str) -> Self {
        if part.is_empty() { self } else { Self { file: format!("{part}/{}", self.file), ..self } }
    }
}

/// The graph that a test runs, among the names of one directory.
///
/// # Errors
/// There are several, and none has the name of a whole model.
pub(super) fn main_graph<'a>(
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<Option<Graph>, String> {
    for format in [GraphFormat::Onnx, GraphFormat::OpenVino] {
        let (suffix, whole) = format.names();
        let has = |wanted: &str| names.clone().any(|name| name == wanted);
        let is_graph = |name: &&str| {
            name.strip_suffix(suffix)
                .is_some_and(|stem| format == GraphFormat::Onnx || has(&format!("{stem}.bin")))
                && !TOKENIZERS.contains(name)
        };
        let graphs: Vec<&str> = names.clone().filter(is_graph).collect();
        match graphs.as_slice() {
            [] => {}
            [one] => return Ok(Graph::of((*one).to_owned())),
            several if several.contains(&whole) => return Ok(Graph::of(whole.to_owned())),
            several => {
                let listed = several.iter().take(4).copied().collect::<Vec<_>>().join(", ");
                return Err(format!("there are several graphs ({listed}) but no {whole}"));
            }
        }
    }
    Ok(None)
}

/// Whether a file belongs to a graph in the same directory: it is the graph, or has its weights.
/// Exporters write the weights of large ONNX files into files whose names start like that of the graph.
pub(super) fn is_part(graph: &str, name: &str) -> bool {
    match graph.strip_suffix(OPENVINO) {
        Some(stem) => name == graph || name.strip_suffix(".bin") == Some(stem),
        None => name.starts_with(graph),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn main(names: &[&str]) -> Result<Option<String>, String> {
        main_graph(names.iter().copied()).map(|found| found.map(|graph| graph.file))
    }

    #[test]
    fn a_whole_model_or_the_only_graph_is_tested() {
        for (names, expected) in [
            (&["config.json"][..], None),
            (&["a.onnx", "a.onnx_data"], Some("a.onnx")),
            (&["model.onnx", "model_fp16.onnx", "model_q4.onnx"], Some("model.onnx")),
            (&["a.xml", "a.bin"], Some("a.xml")),
            (&["a.xml"], None),
            (
                &["openvino_model.bin", "openvino_model.xml", "b.bin", "b.xml"],
                Some("openvino_model.xml"),
            ),
            (&["openvino_tokenizer.bin", TOKENIZERS[0], "m.bin", "m.xml"], Some("m.xml")),
            (&["openvino_model.bin", "openvino_model.xml", "model.onnx"], Some("model.onnx")),
        ] {
            assert_eq!(main(names), Ok(expected.map(str::to_owned)), "{names:?}");
        }
        let parts = ["decoder_model.onnx", "encoder_model.onnx"];
        let expected = "there are several graphs (decoder_model.onnx, encoder_model.onnx) but no \
                        model.onnx";
        assert_eq!(main(&parts), Err(expected.to_owned()));
    }

    #[test]
    fn weights_beside_a_graph_belong_to_it() {
        for name in ["m.onnx", "m.onnx_data", "m.onnx.data", "m.onnx_data_1"] {
            assert!(is_part("m.onnx", name), "{name}");
        }
        for (graph, name) in [("m.onnx", "m_fp16.onnx"), ("m.xml", "n.bin"), ("m.xml", "m.bin.x")] {
            assert!(!is_part(graph, name), "{graph} {name}");
        }
        assert!(is_part("m.xml", "m.bin") && is_part("m.xml", "m.xml"));
    }

    #[test]
    fn a_graph_runs_on_the_runtimes_of_its_format() {
        let inside = Graph::of("model.onnx".to_owned()).expect("a graph").inside("onnx");
        assert_eq!((&*inside.file, inside.format), ("onnx/model.onnx", GraphFormat::Onnx));
        assert_eq!(inside.format.runtimes()[0], "onnxruntime");
        assert_eq!(GraphFormat::OpenVino.runtimes(), ["openvino"]);
        assert_eq!(Graph::of("model.safetensors".to_owned()), None);
    }
}
