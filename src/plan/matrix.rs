//! Expands an entry of a plan with a `matrix` into one entry for each combination.
//!
//! Axes multiply in the order of the file, the last one fastest. `exclude` removes combinations,
//! `include` adds some. `{axis}` is replaced in every text of the entry. A text that consists of
//! `{axis}` only becomes the value itself, so that a number stays a number. `{{axis}}` gives the
//! text `{axis}`.
//!
//! Promises: the order depends on the file only; axes with more than one value that a name does not
//! contain are appended to it, so that names stay unique.

use crate::plan::keys::with_synonyms;
use crate::text::error::{FieldError, ValueError};
use crate::text::fields::Fields;
use crate::text::locate::Path;
use crate::text::node::Node;
use crate::text::suggest::did_you_mean;

/// Maximum number of axes of one matrix.
pub const MAX_AXES: usize = 16;
/// Maximum number of values of one axis.
pub const MAX_VALUES: usize = 100_000;
/// Maximum number of combinations of one matrix.
pub const MAX_COMBINATIONS: usize = 200_000;

/// Maximum number of entries of `exclude` or `include`.
pub const MAX_EXCEPTIONS: usize = 1000;

const RESERVED: [&str; 2] = ["exclude", "include"];

/// One value for each axis, in the order of the axes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Combination(pub Vec<(String, Node)>);

/// Every combination of a matrix, and the axes that a name must contain.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    pub combinations: Vec<Combination>,
    varying: Vec<String>,
}

struct Axis<'a> {
    name: &'a str,
    values: &'a [Node],
}

impl Matrix {
    /// Reads a matrix.
    ///
    /// # Errors
    /// The node is not a mapping of lists of scalars, has no combination or too many, or `exclude`
    /// or `include` has an unknown axis or value.
    pub fn read(node: &Node, path: &Path) -> Result<Self, FieldError> {
        let Node::Map(entries) = node else {
            return Err(ValueError::expected("a mapping of axes", node).at(path));
        };
        let axes = read_axes(entries, path)?;
        let fields = Fields { node, path: path.clone() };
        let excluded = exceptions(&fields, "exclude", &axes, false)?;
        let mut combinations = multiply(&axes, path)?;
        combinations.retain(|combination| {
            !excluded
                .iter()
                .any(|pattern| pattern.0.iter().all(|pair| combination.0.contains(pair)))
        });
        for extra in exceptions(&fields, "include", &axes, true)? {
            if !combinations.contains(&extra) {
                combinations.push(extra);
            }
        }
        if combinations.is_empty() {
            return Err(FieldError::new(path, "the matrix has no combination"));
        }
        let varies = |axis: &&Axis| {
            let value = |combination: &Combination| {
                combination.0.iter().find(|(name, _)| name == axis.name).cloned()
            };
            let first = combinations.first().and_then(value);
            combinations.iter().any(|combination| value(combination) != first)
        };
        let varying = axes.iter().filter(varies).map(|axis| axis.name.to_owned()).collect();
        Ok(Self { combinations, varying })
    }

    /// The entry for one combination, without `matrix`.
    #[must_use]
    pub fn entry(&self, template: &[(String, Node)], combination: &Combination) -> Node {
        let fill = |(key, node): &(String, Node)| {
            let mut filled = substitute(node, combination);
            if let (true, Node::Text(before), Node::Text(after)) =
                (key == "name", node, &mut filled)
            {
                self.mention_all(before, after, combination);
            }
            (key.clone(), filled)
        };
        Node::Map(template.iter().filter(|(key, _)| key != "matrix").map(fill).collect())
    }

    fn mention_all(&self, template: &str, name: &mut String, combination: &Combination) {
        for (axis, value) in &combination.0 {
            let mentioned = template.contains(&format!("{{{axis}}}"));
            if !mentioned && self.varying.contains(axis) {
                let value = value.scalar().unwrap_or_default();
                name.extend(["/", axis, "=", &value]);
            }
        }
    }
}

fn read_axes<'a>(entries: &'a [(String, Node)], path: &Path) -> Result<Vec<Axis<'a>>, FieldError> {
    let mut axes = Vec::new();
    for (name, node) in entries.iter().filter(|(name, _)| !RESERVED.contains(&name.as_str())) {
        let at = path.key(name);
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let message = "an axis is named by 1 to 64 letters, digits, '_' or '-'";
            return Err(FieldError::new(&at, message));
        }
        let Node::List(values) = node else {
            return Err(ValueError::expected("a list of values", node).at(&at));
        };
        if values.is_empty() || values.len() > MAX_VALUES {
            let message = format!("{} values, allowed are 1 to {MAX_VALUES}", values.len());
            return Err(FieldError::new(&at, message));
        }
        let mut seen = std::collections::HashSet::new();
        for (index, value) in values.iter().enumerate() {
            let Some(text) = value.scalar() else {
                let error = ValueError::expected("a text, number, true or false", value);
                return Err(error.at(&at.index(index)));
            };
            if !seen.insert(text) {
                let message = format!("{} is given twice", value.describe());
                return Err(FieldError::new(&at.index(index), message));
            }
        }
        axes.push(Axis { name, values });
    }
    match axes.len() {
        1..=MAX_AXES => Ok(axes),
        count => Err(FieldError::new(path, format!("{count} axes, allowed are 1 to {MAX_AXES}"))),
    }
}

/// Reads `exclude` (entries with some axes) or `include` (entries with all axes, except those with
/// one value).
fn exceptions(
    fields: &Fields,
    key: &str,
    axes: &[Axis],
    complete: bool,
) -> Result<Vec<Combination>, FieldError> {
    let Some(node) = fields.get(key) else { return Ok(Vec::new()) };
    let path = fields.path.key(key);
    let Node::List(items) = node else {
        return Err(ValueError::expected("a list of mappings", node).at(&path));
    };
    if items.len() > MAX_EXCEPTIONS {
        let message = format!("{} entries, at most {MAX_EXCEPTIONS} are allowed", items.len());
        return Err(FieldError::new(&path, message));
    }
    let read = |(index, item)| exception(item, &path.index(index), axes, complete);
    items.iter().enumerate().map(read).collect()
}

fn exception(
    node: &Node,
    path: &Path,
    axes: &[Axis],
    complete: bool,
) -> Result<Combination, FieldError> {
    let names: Vec<&str> = axes.iter().map(|axis| axis.name).collect();
    let fields = Fields::new(node, path, with_synonyms(&names))?;
    let mut pairs = Vec::new();
    for axis in axes {
        match fields.get(axis.name) {
            Some(value) if value.scalar().is_none() => {
                return Err(ValueError::expected("one value", value).at(&path.key(axis.name)));
            }
            // A value that the axis does not have would exclude nothing, so it is mistyped.
            Some(value) if !complete && !axis.values.contains(value) => {
                let known: Vec<String> = axis.values.iter().filter_map(Node::scalar).collect();
                let known: Vec<&str> = known.iter().map(String::as_str).take(20).collect();
                let message = format!("{} has no value {}", axis.name, value.describe());
                let hint = did_you_mean(&value.scalar().unwrap_or_default(), &known);
                return Err(FieldError::new(&path.key(axis.name), message).hint(hint));
            }
            Some(value) => pairs.push((axis.name.to_owned(), value.clone())),
            None if complete && axis.values.len() == 1 => {
                pairs.push((axis.name.to_owned(), axis.values[0].clone()));
            }
            None if complete => {
                let message = format!(
                    "{:?} is missing: an addition names every axis with a choice",
                    axis.name
                );
                return Err(FieldError::new(path, message));
            }
            None => {}
        }
    }
    if pairs.is_empty() {
        return Err(FieldError::new(path, "no axis is named"));
    }
    Ok(Combination(pairs))
}

fn multiply(axes: &[Axis], path: &Path) -> Result<Vec<Combination>, FieldError> {
    let count = axes.iter().try_fold(1usize, |count, axis| {
        count.checked_mul(axis.values.len()).filter(|count| *count <= MAX_COMBINATIONS)
    });
    if count.is_none() {
        let message = format!("more than {MAX_COMBINATIONS} combinations");
        return Err(FieldError::new(path, message).hint("split the entry"));
    }
    let mut all = vec![Combination::default()];
    for axis in axes {
        let longer = |combination: &Combination| {
            let with = |value: &Node| {
                let mut pairs = combination.0.clone();
                pairs.push((axis.name.to_owned(), value.clone()));
                Combination(pairs)
            };
            axis.values.iter().map(with).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    Ok(all)
}

fn substitute(node: &Node, combination: &Combination) -> Node {
    match node {
        Node::Text(text) => {
            let whole = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            match combination.0.iter().find(|(name, _)| Some(name.as_str()) == whole) {
                Some((_, value)) => value.clone(),
                None => Node::Text(fill(text, combination)),
            }
        }
        Node::List(items) => {
            Node::List(items.iter().map(|item| substitute(item, combination)).collect())
        }
        Node::Map(entries) => {
            let fill = |(key, node): &(String, Node)| (key.clone(), substitute(node, combination));
            Node::Map(entries.iter().map(fill).collect())
        }
        other => other.clone(),
    }
}

/// Replaces `{axis}`; braces around anything else stay.
fn fill(text: &str, combination: &Combination) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let token = |open: &str, close: &str| {
            let inner = from.strip_prefix(open)?;
            let (name, after) = inner.split_once(close)?;
            let (_, value) = combination.0.iter().find(|(axis, _)| axis == name)?;
            Some((name, value, after))
        };
        if let Some((name, _, after)) = token("{{", "}}") {
            out.extend(["{", name, "}"]);
            rest = after;
        } else if let Some((_, value, after)) = token("{", "}") {
            out.push_str(&value.scalar().unwrap_or_default());
            rest = after;
        } else {
            out.push('{');
            rest = from.get(1..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}
