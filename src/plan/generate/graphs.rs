//! Fits cases to models that were exported as graphs: a graph runs on the runtimes of its format, and
//! on the back-ends of these runtimes.

use crate::domain::accelerator::Backend;
use crate::models::weights::{Graph, GraphFormat};
use crate::plan::generate::case::{Case, RUNTIME, TORCH};
use crate::plan::generate::subject::Subject;
use crate::plan::model_entry::{BackendChoice, Comparison};
use crate::text::error::FieldError;
use serde_json::json;
use std::collections::BTreeSet;

pub(super) const ONNXRUNTIME: &str = "onnxruntime";

impl Subject<'_> {
    /// The graph that a case runs, if its model was exported.
    pub fn graph(&self, case: &Case) -> Option<&Graph> {
        self.chosen(case.parameters.get("weights"))?.graph.as_ref()
    }

    /// Sets the runtime of the cases whose model is a graph. Cases on back-ends that only `auto`
    /// requests and that cannot run the graph are removed; the notes name them.
    ///
    /// # Errors
    /// A requested runtime or back-end does not run the graph, or its answers would be compared.
    pub fn fit_to_graphs(&self, cases: &mut Vec<Case>) -> Result<Vec<String>, FieldError> {
        let mut left_out = BTreeSet::new();
        let mut kept = Vec::with_capacity(cases.len());
        for mut case in cases.drain(..) {
            if let Some(graph) = self.graph(&case) {
                self.require_alone(graph)?;
                case.is_graph = true;
                let runtime = self.runtime_of(graph, &case)?;
                if let Err(error) = self.check_backend(graph, runtime, case.backend) {
                    if self.entry.backends.contains(&BackendChoice::One(case.backend)) {
                        return Err(error);
                    }
                    left_out.insert(format!("no tests for {}: {}", case.backend, error.message));
                    continue;
                }
                case.parameters.insert(RUNTIME.to_owned(), json!(runtime));
            }
            kept.push(case);
        }
        *cases = kept;
        Ok(left_out.into_iter().collect())
    }

    /// Refuses a comparison of two checkpoints, which needs answers.
    fn require_alone(&self, graph: &Graph) -> Result<(), FieldError> {
        if self.entry.comparison == Comparison::None {
            return Ok(());
        }
        let message = format!(
            "{} is {}, whose quality is not measured, so that it cannot be compared",
            self.entry.model,
            graph.format.name()
        );
        let error = FieldError::new(&self.entry.path.key("compare"), message);
        Err(error.hint("compare the checkpoints that it was exported from"))
    }

    /// The runtime of a case: the requested one, that of its back-end, or the usual one of the graph.
    fn runtime_of(&self, graph: &Graph, case: &Case) -> Result<&'static str, FieldError> {
        let runtimes = graph.format.runtimes();
        let entry = self.entry;
        let is_given = entry.shapes.iter().any(|(name, _)| *name == RUNTIME)
            || entry.parameters.iter().any(|(name, _)| name == RUNTIME);
        let wanted = case.text(RUNTIME);
        if let Some(runtime) = runtimes.iter().find(|runtime| **runtime == wanted) {
            return Ok(runtime);
        }
        if wanted == TORCH && !is_given {
            return Ok(runtimes[0]);
        }
        let message = format!("{wanted} does not run {} ({})", graph.format.name(), graph.file);
        let error = FieldError::new(&entry.path.key(RUNTIME), message);
        Err(error.hint(format!("use the runtime {}", runtimes.join(" or "))))
    }

    /// Checks that a runtime runs the graph on a back-end.
    fn check_backend(
        &self,
        graph: &Graph,
        runtime: &str,
        backend: Backend,
    ) -> Result<(), FieldError> {
        let known = self.table.entries().filter(|(backend, entry)| match runtime {
            ONNXRUNTIME => entry.onnxruntime.is_some(),
            _ => [Backend::CPU, Backend::OPENVINO].contains(backend),
        });
        let known: Vec<Backend> = known.map(|(backend, _)| backend).collect();
        if known.contains(&backend) {
            return Ok(());
        }
        let (model, what) = (&self.entry.model, graph.format.name());
        let message = format!("{model} is {what}, which {runtime} does not run on {backend}");
        let names: Vec<String> = known.iter().map(Backend::to_string).collect();
        let other = match graph.format {
            GraphFormat::Onnx if runtime != ONNXRUNTIME => ", or the runtime onnxruntime",
            _ => "",
        };
        let error = FieldError::new(&self.entry.path.key("backends"), message);
        Err(error.hint(format!("back-ends of this runtime are {}{other}", names.join(", "))))
    }
}
