//! Charts as SVG for pages and reports, drawn without a script.
//!
//! Limits: [`MAX_POINTS`] points of a line, the newest ones, and [`MAX_BARS`] bars. Promises: every
//! text is escaped; colours and fonts are left to the classes of the style sheet; values that are not
//! finite are left out; any finite values fit into the chart.

use std::fmt::Write;

/// Maximum number of points of a line.
pub const MAX_POINTS: usize = 500;
/// Maximum number of bars.
pub const MAX_BARS: usize = 400;
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 150.0;
/// Space for the labels of the axis, and around the points.
const LEFT: f64 = 78.0;
const MARGIN: f64 = 10.0;
const BAR_HEIGHT: f64 = 48.0;

/// One point of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub value: f64,
    /// Whether it differs for the worse, or its test failed.
    pub is_bad: bool,
    /// Text that appears when the pointer is on the point.
    pub title: String,
    /// Address to which the point leads. Empty for none.
    pub href: String,
}

/// A level over a part of a line, such as the median of a segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Position of the first point of the part.
    pub from: usize,
    /// Position after the last point of the part.
    pub to: usize,
    pub value: f64,
}

/// A line with levels. `words` writes a value with its unit. Empty if no value is finite.
#[must_use]
pub fn line(
    title: &str,
    points: &[Point],
    levels: &[Level],
    words: &dyn Fn(f64) -> String,
) -> String {
    let skipped = points.len().saturating_sub(MAX_POINTS);
    let shown: Vec<(usize, &Point)> =
        points.iter().enumerate().skip(skipped).filter(|(_, p)| p.value.is_finite()).collect();
    let levels: Vec<&Level> = levels
        .iter()
        .filter(|level| level.value.is_finite() && level.to > skipped && level.from < level.to)
        .collect();
    let values = shown.iter().map(|(_, p)| p.value).chain(levels.iter().map(|l| l.value));
    let Some(scale) = Scale::of(values) else { return String::new() };
    let last = points.len().saturating_sub(skipped + 1).max(1) as f64;
    let x = |position: usize| {
        LEFT + position.saturating_sub(skipped) as f64 / last * (WIDTH - LEFT - MARGIN)
    };
    let mut svg = start(title, HEIGHT);
    for (value, y) in [(scale.max, MARGIN), (scale.min, HEIGHT - MARGIN)] {
        let text = escape(&words(value));
        let _ = write!(svg, "<path class=\"axis\" d=\"M{LEFT} {y}H{WIDTH}\"/>");
        let (right, base) = (LEFT - 6.0, y + 4.0);
        let _ = write!(svg, "<text x=\"{right}\" y=\"{base}\" text-anchor=\"end\">{text}</text>");
    }
    for (index, level) in levels.iter().enumerate() {
        let (from, to, y) = (x(level.from), x(level.to - 1), scale.y(level.value));
        let _ = write!(svg, "<path class=\"level\" d=\"M{from:.1} {y:.1}H{to:.1}\"/>");
        if index > 0 && level.from > skipped {
            let bottom = HEIGHT - MARGIN;
            let _ = write!(svg, "<path class=\"split\" d=\"M{from:.1} {MARGIN}V{bottom}\"/>");
        }
    }
    let path: Vec<String> = shown
        .iter()
        .map(|(position, point)| format!("{:.1} {:.1}", x(*position), scale.y(point.value)))
        .collect();
    let _ = write!(svg, "<path class=\"line\" d=\"M{}\"/>", path.join("L"));
    for (position, point) in &shown {
        mark(&mut svg, point, x(*position), scale.y(point.value));
    }
    svg.push_str("</svg>");
    svg
}

/// Bars of shares between 0 and 1. Larger and smaller values are drawn as these. Empty without values.
#[must_use]
pub fn bars(title: &str, shares: &[(f64, String)]) -> String {
    let shares = &shares[shares.len().saturating_sub(MAX_BARS)..];
    if shares.is_empty() {
        return String::new();
    }
    let mut svg = start(title, BAR_HEIGHT);
    let step = WIDTH / shares.len() as f64;
    for (index, (share, text)) in shares.iter().enumerate() {
        let height = share.clamp(0.0, 1.0) * (BAR_HEIGHT - 2.0);
        if !height.is_finite() || height <= 0.0 {
            continue;
        }
        let (x, y, width) = (index as f64 * step, BAR_HEIGHT - height, step * 0.8);
        let text = escape(text);
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\"><title>{text}</title></rect>"
        );
    }
    svg.push_str("</svg>");
    svg
}

// Writing to a String cannot fail, here and above.

fn start(title: &str, height: f64) -> String {
    let title = escape(title);
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"group\" \
         aria-label=\"{title}\"><title>{title}</title>"
    )
}

fn mark(svg: &mut String, point: &Point, x: f64, y: f64) {
    let class = if point.is_bad { "point bad" } else { "point" };
    let title = escape(&point.title);
    let dot = format!(
        "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"><title>{title}</title></circle>"
    );
    if point.href.is_empty() {
        svg.push_str(&dot);
    } else {
        let href = escape(&point.href);
        let _ = write!(svg, "<a href=\"{href}\" aria-label=\"{title}\" tabindex=\"-1\">{dot}</a>");
    }
}

/// The range of the values of a chart.
struct Scale {
    min: f64,
    max: f64,
}

impl Scale {
    /// The range of these values, widened if they are all equal. `None` without values.
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            (min, max) = (min.min(value), max.max(value));
        }
        if min > max {
            return None;
        }
        if min >= max {
            let half = (min.abs() * 0.05).max(f64::MIN_POSITIVE);
            (min, max) = ((min - half).max(f64::MIN), (max + half).min(f64::MAX));
        }
        Some(Self { min, max })
    }

    /// The coordinate of a value. Halves are compared, whose difference is always finite.
    fn y(&self, value: f64) -> f64 {
        let range = self.max / 2.0 - self.min / 2.0;
        let share = if range > 0.0 { (value / 2.0 - self.min / 2.0) / range } else { 0.5 };
        HEIGHT - MARGIN - share.clamp(0.0, 1.0) * (HEIGHT - 2.0 * MARGIN)
    }
}

/// A text as content or attribute of XML. Characters that XML does not allow are left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quick_xml::Reader;
    use quick_xml::events::Event;

    fn points(values: &[f64], title: &str) -> Vec<Point> {
        let point = |value: &f64| Point {
            value: *value,
            is_bad: false,
            title: title.into(),
            href: title.into(),
        };
        values.iter().map(point).collect()
    }

    /// The coordinates of the points, after a check that the text is well-formed.
    fn circles(svg: &str) -> Vec<(f64, f64)> {
        let mut reader = Reader::from_str(svg);
        let mut found = Vec::new();
        let attribute = |start: &quick_xml::events::BytesStart<'_>, name: &str| -> f64 {
            let value = start.try_get_attribute(name).expect("well-formed").expect("there");
            value.value.parse().expect("a number")
        };
        loop {
            match reader.read_event().expect("well-formed") {
                Event::Eof => return found,
                Event::Start(start) if start.name().as_ref() == "circle" => {
                    found.push((attribute(&start, "cx"), attribute(&start, "cy")));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn points_are_in_order_and_larger_values_are_higher() {
        let svg = line("a", &points(&[1.0, 3.0, 2.0], "p"), &[], &|value| value.to_string());
        let drawn = circles(&svg);
        assert_eq!(drawn.len(), 3);
        assert!(drawn[0].0 < drawn[1].0 && drawn[1].0 < drawn[2].0);
        assert!(drawn[1].1 < drawn[2].1 && drawn[2].1 < drawn[0].1);
        assert!(svg.contains(">3</text>") && svg.contains(">1</text>"));
    }

    #[test]
    fn levels_are_split_where_a_new_one_begins() {
        let levels = [
            Level { from: 0, to: 2, value: 1.0 },
            Level { from: 2, to: 4, value: 2.0 },
            Level { from: 4, to: 4, value: 9.0 },
        ];
        let svg = line("a", &points(&[1.0, 1.0, 2.0, 2.0], ""), &levels, &|v| v.to_string());
        assert_eq!(svg.matches("class=\"level\"").count(), 2);
        assert_eq!(svg.matches("class=\"split\"").count(), 1);
    }

    #[test]
    fn nothing_is_drawn_without_values() {
        assert_eq!(line("a", &points(&[f64::NAN, f64::INFINITY], ""), &[], &|v| v.to_string()), "");
        assert_eq!(bars("a", &[]), "");
    }

    #[test]
    fn only_the_newest_points_and_bars_are_drawn() {
        let many: Vec<f64> = (0..2 * MAX_POINTS).map(|value| value as f64).collect();
        let svg = line("a", &points(&many, ""), &[], &|v| v.to_string());
        assert_eq!(circles(&svg).len(), MAX_POINTS);
        assert!(svg.contains(&format!(">{MAX_POINTS}</text>")), "the smallest one that is drawn");
        let bars = bars("a", &vec![(0.5, String::new()); 2 * MAX_BARS]);
        assert_eq!(bars.matches("<rect").count(), MAX_BARS);
    }

    proptest! {
        #[test]
        fn any_values_and_texts_give_a_well_formed_chart_inside_its_frame(
            values in prop::collection::vec(prop::num::f64::ANY, 0..40),
            text in ".*",
        ) {
            let levels = [Level { from: 0, to: values.len(), value: 1e308 }];
            let svg = line(&text, &points(&values, &text), &levels, &|value| format!("{value} {text}"));
            for (x, y) in circles(&svg) {
                prop_assert!((LEFT..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y), "{x} {y}");
            }
            let shares: Vec<(f64, String)> = values.iter().map(|v| (*v, text.clone())).collect();
            circles(&bars(&text, &shares));
        }
    }
}
