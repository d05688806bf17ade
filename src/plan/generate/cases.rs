//! The cases of a model: every combination of back-ends and shapes that the plan requests, with all
//! parameters of the template.

use crate::domain::accelerator::Backend;
use crate::models::estimate;
use crate::models::sizes;
use crate::models::weights::requested::Requested;
use crate::plan::generate::case::{Case, RUNTIME, TORCH};
use crate::plan::generate::subject::Subject;
use crate::plan::matrix::{Combination, Matrix};
use crate::plan::model_entry::BackendChoice;
use crate::plan::packages::{PACKAGES, Pins};
use crate::text::error::FieldError;
use crate::text::node::Node;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

impl<'a> Subject<'a> {
    /// Shapes that the family does not have, if the entry allows them to be left out.
    pub fn left_out(&self) -> impl Iterator<Item = &'a (&'static str, Vec<Node>)> {
        let known = &self.template.front_matter.parameters;
        let no_image = estimate::image_edge(&self.model.config, &self.classification.family) == 0;
        let unknown = move |(name, _): &&(&str, _)| {
            (!known.contains_key(*name) && *name != PACKAGES) || (no_image && *name == "image_size")
        };
        self.entry.shapes.iter().filter(move |shape| self.entry.lenient && unknown(shape))
    }

    /// Every combination of back-ends and shapes that is not excluded. `accelerators` are the
    /// back-ends that `auto` adds to the CPU.
    ///
    /// # Errors
    /// A back-end, shape or parameter is unknown or out of range, or the text is longer than the
    /// model allows.
    pub fn cases(&self, accelerators: &BTreeSet<Backend>) -> Result<Vec<Case>, FieldError> {
        let mut axes = vec![("backend".to_owned(), self.backends(accelerators)?)];
        let left_out: Vec<_> = self.left_out().collect();
        for shape in self.entry.shapes.iter().filter(|shape| !left_out.contains(shape)) {
            axes.push((shape.0.to_owned(), Node::List(shape.1.clone())));
        }
        // Rules about a shape that is left out are left out, too.
        let fits = |rule: &&Node| left_out.iter().all(|(name, _)| rule.get(name).is_none());
        let fitting = |rules: &Node| match rules {
            Node::List(items) => Node::List(items.iter().filter(fits).cloned().collect()),
            other => other.clone(),
        };
        if let Some(exclude) = &self.entry.exclude {
            axes.push(("exclude".into(), without_absent(&fitting(exclude), &axes)));
        }
        if let Some(include) = &self.entry.include {
            axes.push(("include".into(), fitting(include)));
        }
        axes.retain(|(_, node)| *node != Node::List(Vec::new()));
        let matrix = Matrix::read(&Node::Map(axes), &self.entry.path)?;
        matrix.combinations.iter().map(|combination| self.case(combination)).collect()
    }

    /// Back-ends that a template of the family lists.
    fn known_backends(&self) -> Vec<Backend> {
        let mut known = self.template.front_matter.backends.clone();
        let own: Vec<Backend> =
            self.special.keys().copied().filter(|own| !known.contains(own)).collect();
        known.extend(own);
        known
    }

    fn unknown_backend(&self, backend: Backend, key: &str) -> FieldError {
        let path = self.entry.path.key(key);
        if let Err(error) = self.table.require(backend) {
            return error.at(&path);
        }
        let known = self.known_backends();
        let names: Vec<&str> = known.iter().map(Backend::name).collect();
        let family = &self.classification.family;
        let message = format!("{family} tests cannot be generated for {backend}");
        let hint = format!("supported back-ends are {}", names.join(", "));
        FieldError::new(&path, message).hint(hint)
    }

    fn backends(&self, accelerators: &BTreeSet<Backend>) -> Result<Node, FieldError> {
        let known = self.known_backends();
        let mut chosen: Vec<Backend> = Vec::new();
        for choice in &self.entry.backends {
            let more: Vec<Backend> = match choice {
                BackendChoice::One(backend) if known.contains(backend) => vec![*backend],
                BackendChoice::One(backend) => {
                    return Err(self.unknown_backend(*backend, "backends"));
                }
                // `auto` requests only back-ends that the template supports.
                BackendChoice::Auto => {
                    let offered = accelerators.iter().copied().filter(|b| known.contains(b));
                    std::iter::once(Backend::CPU).chain(offered).collect()
                }
            };
            chosen.extend(more);
        }
        let mut seen = BTreeSet::new();
        chosen.retain(|backend| seen.insert(*backend));
        Ok(Node::List(chosen.iter().map(|backend| Node::Text(backend.name().into())).collect()))
    }

    fn case(&self, combination: &Combination) -> Result<Case, FieldError> {
        let mut backend = Backend::CPU;
        let mut packages = Pins::default();
        let mut given: Vec<(&str, Value)> = Vec::new();
        for (name, node) in &combination.0 {
            if name == "backend" {
                let text = node.scalar().unwrap_or_default();
                backend = Backend::new(&text).map_err(|error| {
                    FieldError::new(&self.entry.path.key("include"), error.to_string())
                })?;
                // `backends` was checked before, so only `include` can name an unknown back-end.
                if !self.known_backends().contains(&backend) {
                    return Err(self.unknown_backend(backend, "include"));
                }
            } else if name == PACKAGES {
                let label = node.scalar().unwrap_or_default();
                packages =
                    Pins::of_label(&label).map_err(|error| error.at(&self.entry.path.key(name)))?;
            } else {
                given.push((name, json_of(node)));
            }
        }
        let shapes = given.len();
        given.extend(
            self.entry.parameters.iter().map(|(name, node)| (name.as_str(), json_of(node))),
        );
        let names: Vec<String> = given.iter().map(|(name, _)| (*name).into()).collect();
        let mut parameters =
            self.template(backend).parameters(given).map_err(|(name, error)| {
                let path = &self.entry.path;
                let shape = names[..shapes].contains(&name);
                error.at(&if shape { path.key(&name) } else { path.key("parameters").key(&name) })
            })?;
        let (config, family) = (&self.model.config, &self.classification.family);
        self.choose_runtime(backend, &names, &mut parameters)?;
        sizes::fit_lengths(config, family, &names, &mut parameters);
        let mut case = Case { backend, parameters, packages, is_graph: false };
        if let Ok(Requested::Random(Some(seed))) = case.weights().parse()
            && let Some(parameter) = case.parameters.get_mut("seed")
        {
            *parameter = json!(seed);
        }
        let length = sizes::check_length(
            config,
            &self.entry.model,
            family,
            case.number("sequence_length"),
            case.number("max_new_tokens"),
        );
        length.map_err(|error| {
            let path = &self.entry.path;
            let is_given = names.iter().any(|name| name == "sequence_length");
            error.at(&path.key(if is_given { "sequence_length" } else { "model" }))
        })?;
        Ok(case)
    }
}

impl Subject<'_> {
    /// Sets the runtime of a back-end that torch does not run on. `given` are the parameters that the
    /// plan specifies.
    fn choose_runtime(
        &self,
        backend: Backend,
        given: &[String],
        parameters: &mut Map<String, Value>,
    ) -> Result<(), FieldError> {
        let of_backend = self.table.get(backend).and_then(|entry| entry.runtime.as_deref());
        let Some(runtime) = of_backend.filter(|runtime| *runtime != TORCH) else { return Ok(()) };
        let Some(parameter) = parameters.get_mut(RUNTIME) else {
            let family = &self.classification.family;
            let message = format!("the template of {family} has no runtime, which {backend} needs");
            return Err(FieldError::new(&self.entry.path.key("backends"), message));
        };
        if !given.iter().any(|name| name == RUNTIME) {
            *parameter = json!(runtime);
        } else if *parameter == json!(TORCH) {
            let message = format!("torch does not run on the back-end {backend}");
            let error = FieldError::new(&self.entry.path.key(RUNTIME), message);
            let rule = format!("exclude backend={backend},runtime=torch");
            return Err(error.hint(format!("use the runtime {runtime}, or {rule}")));
        }
        Ok(())
    }
}

/// The rules of `exclude` without those for back-ends that `auto` did not add.
fn without_absent(exclude: &Node, axes: &[(String, Node)]) -> Node {
    let Node::List(items) = exclude else { return exclude.clone() };
    let backends = axes.iter().find(|(name, _)| name == "backend").map(|(_, node)| node);
    let present = |item: &&Node| match (item.get("backend"), backends) {
        (Some(backend @ Node::Text(name)), Some(Node::List(backends))) => {
            backends.contains(backend) || Backend::new(name).is_err()
        }
        _ => true,
    };
    Node::List(items.iter().filter(present).cloned().collect())
}

fn json_of(node: &Node) -> Value {
    match node {
        Node::Bool(value) => json!(value),
        Node::Int(value) => json!(value),
        Node::Float(value) => json!(value),
        Node::Text(text) => json!(text),
        Node::Null | Node::List(_) | Node::Map(_) => Value::Null,
    }
}
