//! Reads `quality:` of a model entry: bounds of the numbers that real weights have.
//!
//! `{perplexity: {max: 20}, top1: {min: 0.9}}`, or `{perplexity: 20, top1: 0.9}` for the worst
//! allowed values. The names are checked when the template is known. Limit: [`MAX_BOUNDS`] names.

use crate::templates::quality::Bound;
use crate::text::error::{FieldError, ValueError};
use crate::text::fields::{Fields, all};
use crate::text::locate::Path;
use crate::text::node::Node;

/// Maximum number of bounds of one entry.
pub const MAX_BOUNDS: usize = 32;

/// Reads the bounds, in the order of the plan.
///
/// # Errors
/// The value is not a mapping, or a bound is not a number or mapping.
pub fn read(fields: &Fields) -> Result<Vec<(String, Bound)>, FieldError> {
    let Some(node) = fields.get("quality") else { return Ok(Vec::new()) };
    let path = fields.path.key("quality");
    let Node::Map(entries) = node else {
        let error = ValueError::expected("a mapping", node);
        return Err(error.hint("for example {perplexity: {max: 20}}").at(&path));
    };
    if entries.len() > MAX_BOUNDS {
        let message = format!("too many entries ({}, maximum {MAX_BOUNDS})", entries.len());
        return Err(FieldError::new(&path, message));
    }
    all(entries.iter().map(|(name, node)| Ok((name.clone(), bound(node, &path.key(name))?))))
}

fn bound(node: &Node, path: &Path) -> Result<Bound, FieldError> {
    if !matches!(node, Node::Map(_)) {
        return number(node).map(Bound::Worst).map_err(|error| error.at(path));
    }
    let fields = Fields::new(node, path, &["min", "max"])?;
    let (min, max) = (fields.optional("min", number)?, fields.optional("max", number)?);
    match (min, max) {
        (None, None) => {
            Err(FieldError::new(path, "no bound is given").hint("for example {max: 20}"))
        }
        (Some(min), Some(max)) if min > max => {
            Err(FieldError::new(path, format!("min {min} is greater than max {max}")))
        }
        (min, max) => Ok(Bound::Within { min, max }),
    }
}

fn number(node: &Node) -> Result<f64, ValueError> {
    match node {
        Node::Int(value) => Ok(*value as f64),
        Node::Float(value) if value.is_finite() => Ok(*value),
        _ => Err(ValueError::expected("a number, or min and max", node)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(value: Node) -> Result<Vec<(String, Bound)>, FieldError> {
        let node = Node::Map(vec![("quality".into(), value)]);
        read(&Fields::new(&node, &Path::default(), &["quality"]).expect("a mapping"))
    }

    fn map(pairs: &[(&str, Node)]) -> Node {
        Node::Map(pairs.iter().map(|(key, node)| ((*key).to_owned(), node.clone())).collect())
    }

    #[test]
    fn bounds_are_numbers_or_ranges() {
        let range = map(&[("min", Node::Float(0.5)), ("max", Node::Int(1))]);
        let read = bounds(map(&[("perplexity", Node::Int(20)), ("top1", range)])).expect("bounds");
        let within = Bound::Within { min: Some(0.5), max: Some(1.0) };
        let expected = [("perplexity".to_owned(), Bound::Worst(20.0)), ("top1".to_owned(), within)];
        assert_eq!(read, expected);
    }

    #[test]
    fn other_values_are_refused_with_their_place() {
        let refused = |node| {
            let error = bounds(node).expect_err("refused");
            format!("{}: {}", error.path, error.message)
        };
        let of = |node| map(&[("top1", node)]);
        assert_eq!(refused(Node::Int(3)), "quality: expected a mapping, found 3");
        let text = refused(of(Node::Text("high".into())));
        assert_eq!(text, "quality.top1: expected a number, or min and max, found \"high\"");
        assert_eq!(refused(of(map(&[]))), "quality.top1: no bound is given");
        let crossed = map(&[("min", Node::Int(2)), ("max", Node::Int(1))]);
        assert_eq!(refused(of(crossed)), "quality.top1: min 2 is greater than max 1");
        let mistyped = map(&[("mim", Node::Int(2))]);
        assert_eq!(refused(of(mistyped)), "quality.top1.mim: unknown key \"mim\"");
    }
}
