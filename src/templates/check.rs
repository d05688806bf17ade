//! Whether a template can be trusted with any value: the half that needs no Python.
//!
//! A template is rendered with [`HOSTILE`] texts in the place of everything that it takes.
//! What it takes is found out by rendering, not by reading: a value is used when another
//! one gives another script. Every text that is used must stand in the script escaped, and
//! never as it is. What comes out is also for Python to parse and to start
//! ([`Script`]; `cli::templates`). Limits: `MAX_VARIANTS` scripts for one template.

use crate::domain::accelerator::Backend;
use crate::models::family::check_name;
use crate::templates::library::Library;
use crate::templates::origin::Origin;
use crate::templates::path::{SHARED, TemplatePath};
use crate::templates::template::{Context, Template};
use crate::text::error::ValueError;
use crate::text::node::shortened;
use crate::text::python;
use regex::Regex;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Most combinations of parts that a template chooses from by its parameters.
const MAX_VARIANTS: usize = 24;

/// Texts that would do harm if they were not escaped. Each holds a quote and a line break,
/// so that its escaped form differs from itself.
pub const HOSTILE: [&str; 12] = [
    "\"\nquote",
    "'\"\napostrophe",
    "\"\"\"\n'''\ntriple",
    "\"); raise SystemExit(99) #\nend",
    "\"\n$(exit 99)`exit 99`",
    "\"\n{{7*7}}{{ model }}",
    "\"\n{% raw %}{% include 'x' %}{# c #}",
    "\"\n../../etc/passwd",
    "\"\n\\",
    "\"\né\u{4e2d}\u{1f600}\u{202e}",
    "\"\n\r\u{2028}\u{85}\t",
    "\"\n\u{0}\u{7}\u{1b}[2J",
];

/// What was found out about a template.
#[derive(Debug)]
pub struct Checked {
    /// Family, or family and back-end.
    pub name: String,
    pub path: String,
    /// Absent where the front matter cannot be read.
    pub version: Option<u32>,
    pub origin: Origin,
    pub backends: Vec<Backend>,
    /// What must be changed; empty: all is well so far.
    pub problems: Vec<String>,
    /// For Python.
    pub scripts: Vec<Script>,
}

/// A script with hostile values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Back-end and choices, for messages.
    pub about: String,
    pub text: String,
    /// Each must be part of a text in the script, as Python reads it.
    pub literals: Vec<String>,
}

/// Everything that a template may be given but back-end and parameters.
#[derive(Clone)]
struct Values {
    test_name: String,
    model: String,
    model_type: String,
    revision: String,
    weights_directory: String,
    config: String,
    requirement: String,
}

/// Checks one template of a library, by its path.
///
/// # Errors
/// There is no such template.
pub fn check(library: &Library, path: &str) -> Result<Checked, ValueError> {
    let found = library.texts().find(|(name, _)| *name == path).map(|(_, text)| text);
    let (Some(text), Ok(TemplatePath::Test { family, backend })) =
        (found, TemplatePath::parse(path))
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
        Err(wrong) => checked.problems.push(with_hint(wrong)),
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

/// Refuses a template with a parameter that nothing reads, or that reads one which it does not
/// have. `render` gives its script for some parameters, as far as they can be put together.
///
/// # Errors
/// The first such parameter.
pub fn check_parameters(
    library: &Library,
    template: &Template,
    render: impl Fn(&Map<String, Value>) -> Option<String>,
) -> Result<(), ValueError> {
    let family = &template.front_matter.family;
    let check = Check { library, template, family };
    let scripts = check.variants().into_iter().filter_map(|(_, parameters)| render(&parameters));
    let scripts: String = scripts.collect();
    // What else keeps it from being rendered is told of where it is rendered for a test.
    let further = || match &*scripts {
        "" => check.lacking(),
        scripts => check.unused(scripts).into_iter().next(),
    };
    match check.unfilled().or_else(further) {
        None => Ok(()),
        Some(problem) => {
            let message = format!("{} of {}: {problem}", template.path(), template.origin);
            Err(ValueError::new(message)
                .hint("dtf templates check tells all that is to be changed"))
        }
    }
}

/// Whether a path is that of a whole template.
#[must_use]
pub fn is_test(path: &str) -> bool {
    matches!(TemplatePath::parse(path), Ok(TemplatePath::Test { .. }))
}

fn with_hint(wrong: ValueError) -> String {
    match wrong.hint {
        Some(hint) => format!("{}; {hint}", wrong.message),
        None => wrong.message,
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
            problems.push(unfilled); // from which all else that is wrong follows
            return problems;
        }
        if let Err(wrong) = self.rendered(&mut problems, scripts) {
            problems.push(self.lacking().unwrap_or_else(|| with_hint(wrong)));
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
            problems
                .push(format!("the family has no task {task:?}; known are {}", known.join(", ")));
        }
        if settings.tasks.is_empty() || settings.backends.is_empty() {
            problems.push("tasks and backends name at least one each".to_owned());
        }
        let distinct: BTreeSet<_> = settings.backends.iter().collect();
        if distinct.len() < settings.backends.len() {
            problems.push("a back-end is listed twice".to_owned());
        }
        for (name, default) in &settings.parameters {
            if let Err(why) = check_name(name) {
                problems.push(format!("parameter: {why}"));
            }
            if default.is_array() || default.is_object() {
                problems.push(format!(
                    "the parameter {name} is neither a number, a text, a yes or no, nor null"
                ));
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

    /// # Errors
    /// The template cannot be rendered at all.
    fn rendered(
        &self,
        problems: &mut Vec<String>,
        scripts: &mut Vec<Script>,
    ) -> Result<(), ValueError> {
        let settings = &self.template.front_matter;
        let first = settings.backends.first().copied().unwrap_or(Backend::Cpu);
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
                // Every choice on one back-end, every back-end with the usual choices.
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

    /// The values that make a difference.
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
        self.template.render(&Context {
            test_name: &values.test_name,
            model: &values.model,
            family: self.family,
            model_type: &values.model_type,
            backend: backend.name(),
            config: &config,
            parameters,
            revision: Some(&values.revision),
            weights_directory: Some(&values.weights_directory),
            requirements: std::slice::from_ref(&values.requirement),
            template_version: self.template.front_matter.version,
            template_digest: &self.template.digest,
            dtf_version: env!("CARGO_PKG_VERSION"),
        })
    }

    /// The defaults, and every combination of parts that parameters choose between: a
    /// parameter `role` chooses when there are `_shared/role_*.py.j2`.
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

    /// A text that a user says for a parameter may be refused, never written as it is.
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

    /// Parameters that nothing reads, and such as are read and not there, as far as that can
    /// be seen: `PARAMETERS["name"]` in the scripts, `parameters.name` in the templates.
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
            if !read.always.contains(name.as_str()) && !read.if_there.contains(name.as_str()) {
                problems.push(format!("nothing reads the parameter {name}"));
            }
        }
        problems
    }

    fn reaches(&self, path: &str) -> bool {
        path.starts_with(SHARED) || self.template.path() == path
    }

    /// Its text and every one that it may extend or include.
    fn reached(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        let mut seen = BTreeSet::new();
        let mut more = BTreeSet::from([self.template.path()]);
        while let Some(name) = more.pop_first() {
            if !seen.insert(name) {
                continue;
            }
            // Of a name that is put together the beginning is known.
            for (_, text) in self.library.texts().filter(|(path, _)| path.starts_with(name)) {
                collect(&text.text, r#"\b(?:extends|include) "([^"]+)""#, &mut more);
                texts.push(&*text.text);
            }
        }
        texts
    }

    /// A block that the template extends and leaves empty.
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
        Some(format!("nothing fills the block {name}; docs/templates.md shows what belongs there"))
    }

    /// All at once what the settings of a template that cannot be rendered lack: parameters
    /// that it reads, or a text that it extends or includes.
    fn lacking(&self) -> Option<String> {
        let mut read = Read::default();
        for text in self.reached() {
            read.script(text);
            read.template(text);
        }
        let absent: Vec<&str> = read.absent(&self.template.front_matter.parameters).collect();
        (!absent.is_empty()).then(|| {
            let names = absent.join(", ");
            format!("its settings lack the parameters {names}; docs/templates.md shows them")
        })
    }
}

/// Parameters that texts read.
#[derive(Default)]
struct Read<'t> {
    always: BTreeSet<&'t str>,
    /// Such as need not be there.
    if_there: BTreeSet<&'t str>,
}

impl<'t> Read<'t> {
    fn script(&mut self, text: &'t str) {
        collect(text, r#"\bPARAMETERS\[["']([a-z0-9_]+)["']\]"#, &mut self.always);
        collect(text, r#"\bPARAMETERS\.get\(\s*["']([a-z0-9_]+)["']"#, &mut self.if_there);
        collect(text, r#"["']([a-z0-9_]+)["'] (?:not )?in PARAMETERS\b"#, &mut self.if_there);
    }

    fn template(&mut self, text: &'t str) {
        collect(text, r"\bparameters\.([a-z0-9_]+)", &mut self.always);
        collect(text, r#"\bparameters\[["']([a-z0-9_]+)["']\]"#, &mut self.always);
    }

    fn absent(&self, known: &Map<String, Value>) -> impl Iterator<Item = &'t str> {
        let absent = |name: &&&str| !known.contains_key(**name) && !self.if_there.contains(**name);
        self.always.iter().filter(absent).copied()
    }
}

const UNESCAPED: &str = "is written into the script as it is; write {{ … | pyrepr }}";

fn collect<'t>(text: &'t str, pattern: &str, into: &mut BTreeSet<&'t str>) {
    // The patterns are constants, which tests read.
    let Ok(pattern) = Regex::new(pattern) else { return };
    into.extend(pattern.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str())));
}

const NAMES: [&str; 7] =
    ["test_name", "model", "model_type", "revision", "weights_directory", "config", "requirements"];

impl Values {
    /// `text` everywhere, told apart by the name; none is part of another.
    fn all(text: &str) -> Self {
        let named = |name: &str| format!("{text}<{name}>");
        let [test_name, model, model_type, revision, weights_directory, config, requirement] =
            NAMES.map(named);
        Self { test_name, model, model_type, revision, weights_directory, config, requirement }
    }

    fn fields(&self) -> [(&'static str, &str); 7] {
        let texts = [
            &self.test_name,
            &self.model,
            &self.model_type,
            &self.revision,
            &self.weights_directory,
            &self.config,
            &self.requirement,
        ];
        let mut texts = texts.into_iter();
        NAMES.map(|name| (name, texts.next().map_or("", String::as_str)))
    }

    fn take(&mut self, name: &str, from: &Self) {
        let (to, from) = match name {
            "test_name" => (&mut self.test_name, &from.test_name),
            "model" => (&mut self.model, &from.model),
            "model_type" => (&mut self.model_type, &from.model_type),
            "revision" => (&mut self.revision, &from.revision),
            "weights_directory" => (&mut self.weights_directory, &from.weights_directory),
            "config" => (&mut self.config, &from.config),
            _ => (&mut self.requirement, &from.requirement),
        };
        to.clone_from(from);
    }

    /// What Python must find again. Requirements stand in a comment.
    fn of(&self, used: &BTreeSet<&str>) -> impl Iterator<Item = (&'static str, &str)> {
        let kept = |(name, _): &(&str, &str)| used.contains(name) && *name != "requirements";
        self.fields().into_iter().filter(kept)
    }

    fn misplaced(&self, used: &BTreeSet<&str>, script: &str) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, text) in self.fields().into_iter().filter(|(name, _)| used.contains(name)) {
            let literal = python::literal(&json!(text));
            let escaped = literal.trim_matches('"');
            if script.contains(text) {
                problems.push(format!("{name} {UNESCAPED}"));
            } else if !script.contains(escaped) {
                problems.push(format!("{name} is changed on its way into the script"));
            }
        }
        problems
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
    fn every_template_of_the_binary_passes() {
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
    fn what_is_escaped_passes_and_what_is_not_used_need_not_be_there() {
        assert_eq!(problems(TOP, GOOD), [""; 0]);
    }

    #[test]
    fn texts_as_they_are_and_changed_texts_are_found() {
        for (body, expected) in [
            ("# {{ test_name }}\n", format!("test_name {UNESCAPED}")),
            ("'''{{ model_type }}'''\n", format!("model_type {UNESCAPED}")),
            ("{{ config.text }}\n", format!("config {UNESCAPED}")),
            ("{{ requirements }}\n", "requirements is changed on its way into the script".into()),
            (
                "R = {{ revision | upper | pyrepr }}\n",
                "revision is changed on its way into the script".into(),
            ),
            ("X = '{{ parameters.dtype }}'\n", format!("the parameter dtype {UNESCAPED}")),
        ] {
            let good = GOOD.replace("# {{ requirements | pyrepr }}\n", "");
            assert_eq!(problems(TOP, &format!("{good}{body}")), [expected], "{body}");
        }
    }

    #[test]
    fn parameters_are_read_and_front_matter_makes_sense() {
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
                "the family has no task \"cooking\"; known are image-text-to-text, audio-text-to-text, any-to-any",
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
    fn what_is_lacking_is_told_at_once() {
        let body = "{% extends \"_shared/base.py.j2\" %}{% block family %}\n\
            print(PARAMETERS['depth'], PARAMETERS.get('width')){% endblock %}\n";
        assert_eq!(
            problems(TOP, body),
            ["its settings lack the parameters attention, depth, iterations, min_seconds, \
              openvino_device, role, runtime, seed, warm_up, weights; docs/templates.md shows them"]
        );
        let body = body.replace("family", "famly");
        assert_eq!(
            problems(TOP, &body),
            ["nothing fills the block family; docs/templates.md shows what belongs there"]
        );
        // With all of them, a part that fails says what and where by itself.
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
        let told = checked.problems.concat();
        assert!(told.contains("_shared/part.py.j2:2 (for vlm/test.py.j2)"), "{told}");
        assert!(told.contains("`nothing` is undefined"), "{told}");
    }

    #[test]
    fn hostile_texts_differ_from_their_escaped_forms() {
        for text in HOSTILE {
            assert!(!python::literal(&json!(text)).contains(text), "{text:?}");
            assert!(text.contains('"') && text.contains('\n'), "{text:?}");
        }
    }
}
