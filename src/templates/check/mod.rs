//! Checks that a template is safe with any value, as far as this is possible without Python.
//!
//! The template is rendered with hostile texts (`hostile::HOSTILE`) as values. A value counts as
//! used if another value gives another script. Every used text must occur in the script in escaped
//! form only. The scripts are then parsed and started by Python ([`Script`]; `cli::templates`).
//! Limits: `MAX_VARIANTS` scripts for one template.

mod hostile;
mod reads;

use crate::domain::accelerator::Backend;
use crate::models::family::check_name;
use crate::models::weights::source::Source;
use crate::templates::check::hostile::{HOSTILE, NAMES, UNESCAPED, Values};
use crate::templates::check::reads::{Read, collect};
use crate::templates::library::Library;
use crate::templates::origin::Origin;
use crate::templates::path::{SHARED, TemplatePath};
use crate::templates::quality::bounded;
use crate::templates::template::{Context, Template};
use crate::text::error::ValueError;
use crate::text::node::shortened;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Maximum number of combinations of the parts that the parameters of a template choose.
const MAX_VARIANTS: usize = 24;

/// Result of the check of a template.
#[derive(Debug)]
pub struct Checked {
    /// Family, or family and back-end.
    pub name: String,
    pub path: String,
    /// `None` if the front matter cannot be read.
    pub version: Option<u32>,
    pub origin: Origin,
    pub backends: Vec<Backend>,
    /// Problems; empty if the template passed.
    pub problems: Vec<String>,
    /// Scripts that Python has to check.
    pub scripts: Vec<Script>,
}

/// A script that was rendered with hostile values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Back-end and chosen parts, for messages.
    pub about: String,
    pub text: String,
    /// Texts that must be part of a string of the script, as Python reads it.
    pub literals: Vec<String>,
}

/// Checks the template at a path of a library.
///
/// # Errors
/// There is no such template.
pub fn check(library: &Library, path: &str) -> Result<Checked, ValueError> {
    let text = library.texts().find(|(name, _)| *name == path).map(|(_, text)| text);
    let (Some(text), Ok(TemplatePath::Test { family, backend })) =
        (text, TemplatePath::parse(path))
    else {
        return Err(ValueError::new(format!("there is no template {:?}", shortened(path))));
    };
    let name = path.trim_end_matches(".py.j2").trim_end_matches("/test").to_owned();
    let mut checked = Checked {
        name,
        path: path.to_owned(),
        version: None,
        origin: text.origin.clone(),
        backends: Vec::new(),
        problems: Vec::new(),
        scripts: Vec::new(),
    };
    match library.template(family, backend) {
        Err(error) => checked.problems.push(with_hint(error)),
        Ok(template) => {
            checked.version = Some(template.front_matter.version);
            checked.backends = backend
                .map_or_else(|| template.front_matter.backends.clone(), |backend| vec![backend]);
            let problems = Check { library, template: &template, family }.all(&mut checked.scripts);
            checked.problems = problems;
        }
    }
    Ok(checked)
}

/// Checks the parameters of a template: each must be read, and no other may be read. `render`
/// returns the script for some parameters, or `None` if it cannot be rendered.
///
/// # Errors
/// The first parameter that is unused or missing.
pub fn check_parameters(
    library: &Library,
    template: &Template,
    render: impl Fn(&Map<String, Value>) -> Option<String>,
) -> Result<(), ValueError> {
    let family = &template.front_matter.family;
    let check = Check { library, template, family };
    let scripts = check.variants().into_iter().filter_map(|(_, parameters)| render(&parameters));
    let scripts: String = scripts.collect();
    // Other errors of rendering are reported when a test is rendered.
    let further = || match &*scripts {
        "" => check.lacking(),
        scripts => check.unused(scripts).into_iter().next(),
    };
    match check.unfilled().or_else(further) {
        None => Ok(()),
        Some(problem) => {
            let message = format!("{} of {}: {problem}", template.path(), template.origin);
            Err(ValueError::new(message).hint("dtf templates check lists every problem"))
        }
    }
}

/// Whether a path is that of a template, not of a part or table.
#[must_use]
pub fn is_test(path: &str) -> bool {
    matches!(TemplatePath::parse(path), Ok(TemplatePath::Test { .. }))
}

fn with_hint(error: ValueError) -> String {
    match error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message,
    }
}

struct Check<'a> {
    library: &'a Library,
    template: &'a Template,
    family: &'a str,
}

impl Check<'_> {
    fn all(&self, scripts: &mut Vec<Script>) -> Vec<String> {
        let mut problems = self.front_matter();
        if let Some(unfilled) = self.unfilled() {
            // Every other problem would follow from this one.
            problems.push(unfilled);
            return problems;
        }
        if let Err(error) = self.rendered(&mut problems, scripts) {
            problems.push(self.lacking().unwrap_or_else(|| with_hint(error)));
        }
        problems
    }

    fn front_matter(&self) -> Vec<String> {
        let settings = &self.template.front_matter;
        let mut problems = Vec::new();
        let known = self.library.families().families.get(self.family);
        let known = known.map(|about| about.tasks.as_slice()).unwrap_or_default();
        for task in settings.tasks.iter().filter(|task| !known.contains(task)) {
            let task = shortened(task);
            problems.push(format!("the family has no task {task:?}; it has {}", known.join(", ")));
        }
        if settings.tasks.is_empty() || settings.backends.is_empty() {
            problems.push("tasks and backends must not be empty".to_owned());
        }
        let distinct: BTreeSet<_> = settings.backends.iter().collect();
        if distinct.len() < settings.backends.len() {
            problems.push("a back-end is listed twice".to_owned());
        }
        for name in settings.quality.keys() {
            if let Err(why) = check_name(name) {
                problems.push(format!("quality: {why}"));
            }
        }
        for (name, default) in &settings.parameters {
            if let Err(why) = check_name(name) {
                problems.push(format!("parameter: {why}"));
            }
            if default.is_array() || default.is_object() {
                problems
                    .push(format!("the parameter {name} is not a number, text, boolean or null"));
            }
        }
        let packages = settings.requirements.iter().chain(settings.runtimes.values().flatten());
        for package in packages {
            let starts = package.starts_with(|c: char| c.is_ascii_alphanumeric());
            if !starts || package.len() > 200 || package.chars().any(char::is_control) {
                problems.push(format!("{:?} is not a package requirement", shortened(package)));
            }
        }
        problems
    }

    /// Renders the template with hostile values and checks the scripts.
    ///
    /// # Errors
    /// The template cannot be rendered.
    fn rendered(
        &self,
        problems: &mut Vec<String>,
        scripts: &mut Vec<Script>,
    ) -> Result<(), ValueError> {
        let settings = &self.template.front_matter;
        let first = settings.backends.first().copied().unwrap_or(Backend::CPU);
        let defaults = &settings.parameters;
        let used = self.used(first)?;
        for hostile in HOSTILE {
            let values = Values::all(hostile);
            let script = self.render(&values, first, defaults)?;
            problems.extend(values.misplaced(&used, &script));
        }
        let mut texts = String::new();
        let hostile = Values::all(&HOSTILE.concat());
        let literals: Vec<String> = hostile.of(&used).map(|(_, text)| text.to_owned()).collect();
        for (choices, parameters) in self.variants() {
            for backend in &settings.backends {
                // Every choice on one back-end, and every back-end with the defaults.
                if !choices.is_empty() && *backend != first {
                    continue;
                }
                let text = self.render(&hostile, *backend, &parameters)?;
                texts.push_str(&text);
                let about = format!("{backend}{choices}");
                scripts.push(Script { about, text, literals: literals.clone() });
            }
        }
        self.parameters_of_users(first, problems);
        problems.extend(self.unused(&texts));
        problems.sort();
        problems.dedup();
        Ok(())
    }

    /// Names of the values that change the script.
    fn used(&self, backend: Backend) -> Result<BTreeSet<&'static str>, ValueError> {
        let defaults = &self.template.front_matter.parameters;
        let plain = Values::all("plain");
        let before = self.render(&plain, backend, defaults)?;
        let other = Values::all("other");
        let mut used = BTreeSet::new();
        for name in NAMES {
            let mut values = plain.clone();
            values.take(name, &other);
            if self.render(&values, backend, defaults)? != before {
                used.insert(name);
            }
        }
        Ok(used)
    }

    fn render(
        &self,
        values: &Values,
        backend: Backend,
        parameters: &Map<String, Value>,
    ) -> Result<String, ValueError> {
        let text = &values.config;
        let config = json!({ "text": text, text: { "list": [text, 1, 2.5, null, true] } });
        let config = config.as_object().cloned().unwrap_or_default();
        let weights = Source::Folder { path: values.weights.clone(), shared: false };
        self.template.render(&Context {
            test_name: &values.test_name,
            model: &values.model,
            family: self.family,
            model_type: &values.model_type,
            backend: backend.name(),
            backends: &self.library.backends().hooks(backend),
            config: &config,
            parameters,
            revision: Some(&values.revision),
            weights: &weights,
            weights_reason: Some(&values.weights),
            graph: None,
            quality: &bounded(&self.template.front_matter.quality, self.family, &[])
                .unwrap_or_default(),
            requirements: std::slice::from_ref(&values.requirement),
            template_version: self.template.front_matter.version,
            template_digest: &self.template.digest,
            dtf_version: env!("CARGO_PKG_VERSION"),
        })
    }

    /// The defaults, and every combination of the parts that parameters choose: a parameter `role`
    /// chooses between the parts `_shared/role_*.py.j2`.
    fn variants(&self) -> Vec<(String, Map<String, Value>)> {
        let defaults = &self.template.front_matter.parameters;
        let mut variants = vec![(String::new(), defaults.clone())];
        for (name, default) in defaults.iter().filter(|(_, default)| default.is_string()) {
            let prefix = format!("{SHARED}{name}_");
            let choices = self.library.texts().filter_map(|(path, _)| {
                path.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".py.j2"))
            });
            let others: Vec<Value> =
                choices.map(|choice| json!(choice)).filter(|choice| choice != default).collect();
            for (about, parameters) in variants.clone() {
                for choice in &others {
                    let mut parameters = parameters.clone();
                    parameters.insert(name.clone(), choice.clone());
                    let choice = choice.as_str().unwrap_or_default();
                    variants.push((format!("{about}, {name} {choice}"), parameters));
                }
            }
        }
        variants.truncate(MAX_VARIANTS);
        variants
    }

    /// Checks texts that a user may give for a parameter. They may be refused, but not written
    /// unescaped.
    fn parameters_of_users(&self, backend: Backend, problems: &mut Vec<String>) {
        let defaults = &self.template.front_matter.parameters;
        let plain = Values::all("plain");
        for (name, _) in defaults.iter().filter(|(_, default)| default.is_string()) {
            for hostile in HOSTILE {
                let mut parameters = defaults.clone();
                parameters.insert(name.clone(), json!(hostile));
                let script = self.render(&plain, backend, &parameters);
                if script.is_ok_and(|script| script.contains(hostile)) {
                    problems.push(format!("the parameter {name} {UNESCAPED}"));
                    break;
                }
            }
        }
    }

    /// Parameters that nothing reads, and parameters that are read and do not exist. Only
    /// `PARAMETERS["name"]` in the scripts and `parameters.name` in the templates are recognised.
    fn unused(&self, scripts: &str) -> Vec<String> {
        let known = &self.template.front_matter.parameters;
        let mut read = Read::default();
        read.script(scripts);
        let absent = read.absent(known);
        let absent = absent
            .map(|name| format!("the script reads PARAMETERS[{name:?}], which is not a parameter"));
        let mut problems: Vec<String> = absent.collect();
        for (_, text) in self.library.texts().filter(|(path, _)| self.reaches(path)) {
            read.template(&text.text);
        }
        for name in known.keys() {
            if !read.always.contains(name.as_str()) && !read.optional.contains(name.as_str()) {
                problems.push(format!("nothing reads the parameter {name}"));
            }
        }
        problems
    }

    /// Whether the template may use the text at a path.
    fn reaches(&self, path: &str) -> bool {
        path.starts_with(SHARED) || self.template.path() == path
    }

    /// The text of the template and every text that it may extend or include.
    fn reached(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        let mut seen = BTreeSet::new();
        let mut more = BTreeSet::from([self.template.path()]);
        while let Some(name) = more.pop_first() {
            if !seen.insert(name) {
                continue;
            }
            // Only the beginning of a computed name is known.
            for (_, text) in self.library.texts().filter(|(path, _)| path.starts_with(name)) {
                collect(&text.text, r#"\b(?:extends|include) "([^"]+)""#, &mut more);
                texts.push(&*text.text);
            }
        }
        texts
    }

    /// Problem of a block that a part leaves empty and nothing fills.
    fn unfilled(&self) -> Option<String> {
        let mut empty = BTreeSet::new();
        let mut filled = BTreeSet::new();
        for text in self.reached() {
            let mut here = BTreeSet::new();
            let mut empty_here = BTreeSet::new();
            collect(text, r"\{%-?\s*block (\w+)", &mut here);
            collect(text, r"\{%-?\s*block (\w+)\s*-?%\}\s*\{%-?\s*endblock", &mut empty_here);
            filled.extend(here.difference(&empty_here));
            empty.extend(empty_here);
        }
        let name = empty.difference(&filled).next()?;
        Some(format!("the block {name} is empty; docs/templates.md describes its content"))
    }

    /// Problem of a template that cannot be rendered, because it reads parameters that its front
    /// matter lacks.
    fn lacking(&self) -> Option<String> {
        let mut read = Read::default();
        for text in self.reached() {
            read.script(text);
            read.template(text);
        }
        let absent: Vec<&str> = read.absent(&self.template.front_matter.parameters).collect();
        (!absent.is_empty()).then(|| {
            let names = absent.join(", ");
            format!("the front matter lacks the parameters {names}; add each with its default")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::origin::Text;

    const TOP: &str = "---\nfamily: vlm\nversion: 3\ntasks: [image-text-to-text]\n\
        backends: [cpu, cuda]\nparameters: {batch: 2, dtype: fp32}\nrequirements: [torch]\n---\n";
    const GOOD: &str = "# {{ requirements | pyrepr }}\nNAME = {{ (model ~ '/x') | pyrepr }}\n\
        CONFIG = {{ config | pyrepr }}\nPARAMETERS = {{ parameters | pyrepr }}\n\
        print(PARAMETERS[\"batch\"], PARAMETERS.get('dtype'))\n";

    fn problems(top: &str, body: &str) -> Vec<String> {
        let text =
            Text { origin: Origin::Directory("mine".into()), text: format!("{top}{body}").into() };
        let layer = vec![("vlm/test.py.j2".to_owned(), text)];
        let library = Library::built_in().with_layer(layer).expect("a library");
        check(&library, "vlm/test.py.j2").expect("there").problems
    }

    #[test]
    fn every_built_in_template_passes() {
        let library = Library::built_in();
        for family in library.with_template() {
            let checked = check(&library, &format!("{family}/test.py.j2")).expect(family);
            assert_eq!(checked.problems, [""; 0], "{family}");
            // Seven back-ends; two roles in three runtimes less what was one of them.
            assert!(checked.scripts.len() > checked.backends.len(), "{family}");
            assert!(checked.scripts.iter().all(|script| script.literals.len() == 6), "{family}");
        }
        assert!(check(&library, "vlm/cuda.py.j2").is_err());
        assert!(check(&library, "_shared/base.py.j2").is_err());
    }

    #[test]
    fn escaped_values_pass_and_unused_values_need_not_occur() {
        assert_eq!(problems(TOP, GOOD), [""; 0]);
    }

    #[test]
    fn unescaped_and_changed_values_are_problems() {
        for (body, expected) in [
            ("# {{ test_name }}\n", format!("test_name {UNESCAPED}")),
            ("'''{{ model_type }}'''\n", format!("model_type {UNESCAPED}")),
            ("{{ config.text }}\n", format!("config {UNESCAPED}")),
            ("{{ requirements }}\n", "requirements is changed in the script".into()),
            ("R = {{ revision | upper | pyrepr }}\n", "revision is changed in the script".into()),
            ("X = '{{ parameters.dtype }}'\n", format!("the parameter dtype {UNESCAPED}")),
        ] {
            let good = GOOD.replace("# {{ requirements | pyrepr }}\n", "");
            assert_eq!(problems(TOP, &format!("{good}{body}")), [expected], "{body}");
        }
    }

    #[test]
    fn unused_and_missing_parameters_and_bad_front_matter_are_problems() {
        for (top, body, expected) in [
            (
                TOP.replace("dtype: fp32", "dtype: fp32, depth: 1"),
                GOOD.into(),
                "nothing reads the parameter depth",
            ),
            (
                TOP.into(),
                format!("{GOOD}PARAMETERS['depth']\n"),
                "the script reads PARAMETERS[\"depth\"], which is not a parameter",
            ),
            (
                TOP.replace("image-text-to-text", "cooking"),
                GOOD.into(),
                "the family has no task \"cooking\"; it has image-text-to-text, audio-text-to-text, any-to-any",
            ),
            (TOP.replace("cpu, cuda", "cpu, cpu"), GOOD.into(), "a back-end is listed twice"),
            (
                TOP.replace("[torch]", "['-r x']"),
                GOOD.into(),
                "\"-r x\" is not a package requirement",
            ),
        ] {
            assert_eq!(problems(&top, &body), [expected], "{expected}");
        }
        assert!(problems(TOP, "{{ nothing }}")[0].contains("vlm/test.py.j2:9 of mine failed"));
        let endless =
            "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}";
        assert!(problems(TOP, endless)[0].contains("out of fuel"));
    }

    #[test]
    fn all_missing_parameters_are_one_problem() {
        let body = "{{ parameters.seed | pyrepr }}{{ parameters.depth | pyrepr }}\n\
            print(PARAMETERS['heads'], PARAMETERS.get('width'))\n";
        assert_eq!(
            problems(TOP, body),
            ["the front matter lacks the parameters depth, heads, seed; add each with its default"]
        );
        // Those of the part that a template extends are not missing.
        let body = "{% extends \"_shared/base.py.j2\" %}{% block family %}\n\
            print(PARAMETERS['depth'], PARAMETERS.get('width')){% endblock %}\n";
        assert_eq!(
            problems(TOP, body),
            ["the script reads PARAMETERS[\"depth\"], which is not a parameter"]
        );
        let body = body.replace("family", "famly");
        assert_eq!(
            problems(TOP, &body),
            ["the block family is empty; docs/templates.md describes its content"]
        );
        // If no parameter is missing, the error names the part that fails and its line.
        let library = |part: &str| {
            let origin = Origin::Directory("mine".into());
            let text = |text: String| Text { origin: origin.clone(), text: text.into() };
            let layer = vec![
                ("_shared/part.py.j2".to_owned(), text(part.to_owned())),
                ("vlm/test.py.j2".to_owned(), {
                    text(format!("{TOP}{GOOD}{{% include \"_shared/part.py.j2\" %}}\n"))
                }),
            ];
            Library::built_in().with_layer(layer).expect("a library")
        };
        let checked = check(&library("\n{{ nothing }}"), "vlm/test.py.j2").expect("there");
        let problems = checked.problems.concat();
        assert!(problems.contains("_shared/part.py.j2:2 (for vlm/test.py.j2)"), "{problems}");
        assert!(problems.contains("`nothing` is undefined"), "{problems}");
    }
}
