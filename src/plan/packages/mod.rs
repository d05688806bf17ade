//! Pins of packages: requirements that are added to those of a template or an entry, to test other
//! versions of a library.
//!
//! A pin never replaces a requirement. It is the last item of the list of requirements, so that the
//! installer satisfies both, and a pin that no version can satisfy together with a requirement is
//! refused here, where its position is known.
//!
//! Limits: [`MAX_PINS`] pins in one set, [`MAX_PIN_BYTES`] for one pin. Promises: a pin is the name of
//! a package with version specifiers. It is never an option, an address or a path, so nothing but a
//! version of a package of the configured index becomes part of an environment.

pub mod entries;

use crate::domain::launch::{Environment, Packages, wheel_contents};
use crate::text::error::{FieldError, ValueError};
use crate::text::fields::text;
use crate::text::locate::Path;
use crate::text::node::{Node, shortened};
use pep440_rs::{Operator, Version, VersionSpecifiers};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Maximum number of pins in one set.
pub const MAX_PINS: usize = 32;
/// Maximum length of one pin, in bytes.
pub const MAX_PIN_BYTES: usize = 200;
/// Label with the pins of a test.
pub const PACKAGES: &str = "packages";
/// The sides of an upgrade, in the names of their runs.
const SIDES: [&str; 2] = ["before", "after"];

/// Name of a run of an upgrade: of the plan or model, the side (0 is before, 1 after) and the round, which
/// counts from 1.
#[must_use]
pub fn upgrade_run(plan: &str, side: usize, round: u32) -> String {
    let side = SIDES[side];
    match round {
        1 => format!("{plan} ({side} the upgrade)"),
        _ => format!("{plan} ({side} the upgrade, round {round})"),
    }
}

/// The plan, side and round of a run of an upgrade. `None` for the names of other runs.
#[must_use]
pub fn upgrade_of(name: &str) -> Option<(&str, usize, u32)> {
    let (plan, rest) = name.strip_suffix(')')?.rsplit_once(" (")?;
    let (side, rest) = rest.split_once(" the upgrade")?;
    let side = SIDES.iter().position(|known| *known == side)?;
    let round = match rest {
        "" => 1,
        rest => rest.strip_prefix(", round ")?.parse().ok().filter(|round| *round > 1)?,
    };
    Some((plan, side, round))
}

/// One pinned package, such as `transformers==5.24.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The requirement without white space.
    text: String,
    /// Name of the package in lower case, with `-` as the only separator.
    package: String,
    specifiers: VersionSpecifiers,
}

/// The pins of a test. No package occurs twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins(Vec<Pin>);

impl Pin {
    /// Reads a pin.
    ///
    /// # Errors
    /// The text is not the name of a package with version specifiers.
    pub fn parse(given: &str) -> Result<Self, ValueError> {
        let refuse = |why: &str| {
            let message = format!("{:?} is not a pinned package: {why}", shortened(given));
            ValueError::new(message).hint("for example transformers==5.24.0")
        };
        if given.len() > MAX_PIN_BYTES {
            return Err(refuse(&format!("it is longer than {MAX_PIN_BYTES} bytes")));
        }
        if given.chars().any(|c| c.is_control() || !c.is_ascii()) {
            return Err(refuse("it has control characters, or letters other than ASCII"));
        }
        let plain = given.trim();
        if plain.starts_with('-') {
            return Err(refuse("options of the installer are not allowed"));
        }
        if plain.contains('@') || plain.contains("://") {
            return Err(refuse("addresses are not allowed"));
        }
        if plain.contains(';') {
            return Err(refuse("environment markers are not allowed"));
        }
        let (package, extras, versions) = parts(plain).ok_or_else(|| {
            refuse("expected a name, optionally extras in brackets, then versions")
        })?;
        if versions.trim().is_empty() {
            return Err(refuse("it has no version"));
        }
        let specifiers: VersionSpecifiers = versions
            .parse()
            .map_err(|_| refuse(&format!("{:?} is not a version specifier", versions.trim())))?;
        let mut text = format!("{package}{extras}{versions}");
        text.retain(|c| c != ' ');
        Ok(Self { text, package: normalised(package), specifiers })
    }

    /// A pin to a commit of a git repository that installs the package. The address is not checked.
    #[must_use]
    pub fn of_commit(package: &str, repository: &str, commit: &str) -> Self {
        Self {
            text: format!("{package}@git+{repository}@{commit}"),
            package: normalised(package),
            specifiers: VersionSpecifiers::empty(),
        }
    }

    /// Name of the package in lower case, with `-` as the only separator.
    #[must_use]
    pub fn package(&self) -> &str {
        &self.package
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The only version that the pin allows.
    fn version(&self) -> Option<&Version> {
        exact(&self.specifiers)
    }

    /// The first requirement that no version satisfies together with the pin. Only exact versions, on
    /// either side, are compared.
    fn contradicted<'r>(&self, requirements: &'r [String]) -> Option<&'r str> {
        let contradicts = |requirement: &&String| {
            let Some((package, _, rest)) = parts(requirement) else { return false };
            if normalised(package) != self.package {
                return false;
            }
            let versions = rest.split(';').next().unwrap_or_default();
            if versions.trim_start().starts_with('@') {
                return true;
            }
            let Ok(specifiers) = versions.parse::<VersionSpecifiers>() else { return false };
            let outside = |wanted: Option<&Version>, allowed: &VersionSpecifiers| {
                wanted.is_some_and(|version| !allowed.contains(version))
            };
            outside(self.version(), &specifiers) || outside(exact(&specifiers), &self.specifiers)
        };
        requirements.iter().find(contradicts).map(String::as_str)
    }
}

/// The version of a specifier that allows one version only.
fn exact(specifiers: &VersionSpecifiers) -> Option<&Version> {
    let mut exact = specifiers
        .iter()
        .filter(|one| matches!(one.operator(), Operator::Equal | Operator::ExactEqual));
    exact.next().map(pep440_rs::VersionSpecifier::version)
}

/// Name, extras with their brackets, and the rest of a requirement.
fn parts(requirement: &str) -> Option<(&str, &str, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let end = requirement.find(|c| !is_name(c)).unwrap_or(requirement.len());
    let (name, rest) = requirement.split_at_checked(end)?;
    let borders = |c: char| c.is_ascii_alphanumeric();
    if !name.starts_with(borders) || !name.ends_with(borders) {
        return None;
    }
    let rest = rest.trim_start();
    let Some(inside) = rest.strip_prefix('[') else { return Some((name, "", rest)) };
    let (extras, _) = inside.split_once(']')?;
    let is_extra = |c: char| is_name(c) || c == ',' || c == ' ';
    if !extras.chars().all(is_extra) {
        return None;
    }
    let (extras, rest) = rest.split_at_checked(extras.len() + 2)?;
    Some((name, extras, rest.trim_start()))
}

/// The name of a package as indexes compare it.
#[must_use]
pub fn normalised(package: &str) -> String {
    let mut name = String::with_capacity(package.len());
    for c in package.trim().chars() {
        match c {
            '-' | '_' | '.' if name.ends_with('-') => {}
            '-' | '_' | '.' => name.push('-'),
            other => name.push(other.to_ascii_lowercase()),
        }
    }
    name
}

impl Pins {
    /// Collects pins.
    ///
    /// # Errors
    /// A text is not a pin, a package occurs twice, or there are more than [`MAX_PINS`].
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, ValueError> {
        Self::of(texts.into_iter().map(Pin::parse).collect::<Result<Vec<_>, _>>()?)
    }

    /// Collects pins that were read.
    ///
    /// # Errors
    /// A package occurs twice, or there are more than [`MAX_PINS`].
    pub fn of(pins: impl IntoIterator<Item = Pin>) -> Result<Self, ValueError> {
        let mut set = Self::default();
        for pin in pins {
            set.add(pin)?;
        }
        Ok(set)
    }

    /// The pins of both sets.
    ///
    /// # Errors
    /// Both pin the same package to different texts.
    pub fn with(&self, more: &Self) -> Result<Self, ValueError> {
        let mut all = self.clone();
        for pin in more.0.iter().filter(|pin| !self.0.contains(pin)) {
            all.add(pin.clone())?;
        }
        Ok(all)
    }

    /// The pins that another set does not have.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().filter(|pin| !other.0.contains(pin)).cloned().collect())
    }

    fn add(&mut self, pin: Pin) -> Result<(), ValueError> {
        if let Some(other) = self.0.iter().find(|other| other.package == pin.package) {
            let message = format!("{} is pinned twice: {} and {}", pin.package, other, pin);
            return Err(ValueError::new(message).hint("keep one of the two"));
        }
        if self.0.len() == MAX_PINS {
            return Err(ValueError::new(format!("more than {MAX_PINS} pinned packages")));
        }
        self.0.push(pin);
        Ok(())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Pin> {
        self.0.iter()
    }

    /// Text of the label [`PACKAGES`]: the pins, separated by one space.
    #[must_use]
    pub fn label(&self) -> String {
        let texts: Vec<&str> = self.iter().map(Pin::as_str).collect();
        texts.join(" ")
    }

    /// The set whose label is `text`.
    ///
    /// # Errors
    /// The text is not a list of pins.
    pub fn of_label(text: &str) -> Result<Self, ValueError> {
        Self::parse(text.split(' ').filter(|word| !word.is_empty()))
    }

    /// Sets the label [`PACKAGES`] of a test with these pins, and removes it from a test without any.
    pub fn label_in(&self, labels: &mut BTreeMap<String, String>) {
        labels.remove(PACKAGES);
        if !self.is_empty() {
            labels.insert(PACKAGES.to_owned(), self.label());
        }
    }

    /// Part of the name of a test, if the pins distinguish it from others: `-a==1+b==2`.
    #[must_use]
    pub fn name_part(&self) -> String {
        let texts: Vec<&str> = self.iter().map(Pin::as_str).collect();
        if texts.is_empty() { String::new() } else { format!("-{}", texts.join("+")) }
    }

    /// Adds the pins to an environment.
    ///
    /// # Errors
    /// The environment is that of the worker, where nothing is installed, or a requirement or a wheel
    /// contradicts a pin.
    pub fn add_to(
        &self,
        environment: &mut Environment,
        wheels: &[String],
    ) -> Result<(), ValueError> {
        if self.is_empty() {
            return Ok(());
        }
        let Environment::Packages(packages) = environment else {
            let error =
                ValueError::new("packages cannot be pinned in the environment of the worker");
            return Err(error.hint("environment: {packages: […]} builds a separate one"));
        };
        self.check(packages, wheels)?;
        let added = self.iter().map(|pin| pin.text.clone());
        packages.requirements.extend(added);
        Ok(())
    }

    fn check(&self, packages: &Packages, wheels: &[String]) -> Result<(), ValueError> {
        for pin in self.iter() {
            if let Some(requirement) = pin.contradicted(&packages.requirements) {
                let message = format!("the pin {pin} contradicts the requirement {requirement}");
                return Err(ValueError::new(message)
                    .hint("pin a version that the requirement allows, or change the requirement"));
            }
            let is_other = |(name, version): &(&str, &str)| {
                let same = |pinned: &Version| {
                    version.parse::<Version>().is_ok_and(|version| version == *pinned)
                };
                normalised(name) == pin.package && !pin.version().is_some_and(same)
            };
            let mut contents = wheels.iter().filter_map(|path| wheel_contents(path));
            if let Some((name, version)) = contents.find(is_other) {
                let message = format!("the pin {pin} contradicts the wheel of {name} {version}");
                return Err(ValueError::new(message).hint("remove the wheel or the pin"));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads the value of `packages`: one set of pins as a list of texts, or several sets as a list of
/// lists. An empty set leaves the versions to the template.
///
/// # Errors
/// The value is neither, has more than `max` sets or a set twice, or a text is not a pin.
pub fn read(node: &Node, path: &Path, max: usize) -> Result<Vec<Pins>, FieldError> {
    let expected = || {
        let error =
            ValueError::expected("a list of pinned packages, or a list of such lists", node);
        error.hint("packages: [transformers==5.24.0]").at(path)
    };
    let Node::List(items) = node else { return Err(expected()) };
    if items.iter().all(|item| matches!(item, Node::Text(_))) && !items.is_empty() {
        return Ok(vec![read_set(items, path)?]);
    }
    if items.len() > max {
        let message = format!("too many entries ({}, maximum {max})", items.len());
        return Err(FieldError::new(path, message));
    }
    let (mut sets, mut seen) = (Vec::new(), BTreeSet::new());
    for (at, item) in items.iter().enumerate() {
        let Node::List(texts) = item else { return Err(expected()) };
        let set = read_set(texts, &path.index(at))?;
        if !seen.insert(set.label()) {
            return Err(FieldError::new(&path.index(at), "this set of packages is given twice"));
        }
        sets.push(set);
    }
    Ok(sets)
}

fn read_set(items: &[Node], path: &Path) -> Result<Pins, FieldError> {
    let mut set = Pins::default();
    for (at, item) in items.iter().enumerate() {
        let pin = text(item).and_then(|text| Pin::parse(&text)).and_then(|pin| set.add(pin));
        pin.map_err(|error| error.at(&path.index(at)))?;
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pin(text: &str) -> Result<Pin, ValueError> {
        Pin::parse(text)
    }

    #[test]
    fn a_pin_is_a_package_with_versions() {
        for (given, text, package) in [
            ("transformers==5.24.0", "transformers==5.24.0", "transformers"),
            (" Torch >= 2.9 , < 3 ", "Torch>=2.9,<3", "torch"),
            ("optimum[openvino,  onnx] == 1.*", "optimum[openvino,onnx]==1.*", "optimum"),
            ("ruamel.yaml__clib~=0.2", "ruamel.yaml__clib~=0.2", "ruamel-yaml-clib"),
        ] {
            let pin = pin(given).expect(given);
            assert_eq!((pin.as_str(), pin.package()), (text, package));
        }
    }

    #[test]
    fn options_addresses_and_other_texts_are_refused_with_the_reason() {
        for (given, why) in [
            ("-r requirements.txt", "options"),
            ("--index-url=http://host/", "options"),
            ("git+https://host/x", "addresses"),
            ("x @ file:///etc", "addresses"),
            ("x==1; python_version<'4'", "markers"),
            ("x==1\n-r y", "control"),
            ("x==1\u{202e}", "ASCII"),
            ("x==one", "version specifier"),
            ("./x", "expected a name"),
            ("x[a/b]==1", "expected a name"),
            ("", "expected a name"),
            ("six", "no version"),
            ("optimum[onnx]", "no version"),
            (&"x".repeat(201), "longer than 200"),
        ] {
            let message = pin(given).expect_err(given).message;
            assert!(message.contains(why), "{given}: {message}");
        }
    }

    #[test]
    fn an_exact_pin_must_fit_the_requirements_of_its_package() {
        let environment = |requirements: &[&str]| {
            let requirements = requirements.iter().map(|text| (*text).to_owned()).collect();
            Environment::Packages(Packages { requirements, ..Packages::default() })
        };
        let add = |pins: &[&str], requirements: &[&str], wheels: &[&str]| {
            let pins = Pins::parse(pins.iter().copied()).expect("pins");
            let mut environment = environment(requirements);
            let wheels: Vec<String> = wheels.iter().map(|text| (*text).to_owned()).collect();
            pins.add_to(&mut environment, &wheels).map(|()| environment)
        };
        let added = add(&["transformers==5.24.0"], &["torch>=2.4", "transformers>=4.56"], &[]);
        assert_eq!(
            added.expect("fits"),
            environment(&["torch>=2.4", "transformers>=4.56", "transformers==5.24.0"])
        );
        for (pins, requirements, wheels) in [
            (["transformers==4.40"], &["Transformers[torch] >= 4.56"][..], &[][..]),
            (["transformers>=5"], &["transformers==4.57.1"], &[]),
            (["x==2"], &["x @ git+https://host/x"], &[]),
            (["x==2"], &[], &["wheels/X-1.0-py3-none-any.whl"]),
            (["x>=1"], &[], &["wheels/x-1.0-py3-none-any.whl"]),
        ] {
            let error = add(&pins, requirements, wheels).expect_err(pins[0]);
            assert!(error.message.contains("contradicts"), "{}", error.message);
        }
        assert!(add(&["x==1.0"], &["xy==2", "x!=2"], &["x-1-py3-none-any.whl"]).is_ok());
        let mut system = Environment::System;
        let pins = Pins::parse(["x==1"]).expect("pins");
        assert!(pins.add_to(&mut system, &[]).is_err());
    }

    #[test]
    fn a_package_is_pinned_once() {
        let error = Pins::parse(["a-b==1", "A_b==2"]).expect_err("twice");
        assert!(error.message.contains("a-b is pinned twice: a-b==1 and A_b==2"));
        let one = Pins::parse(["a==1"]).expect("pins");
        assert_eq!(one.with(&one).expect("equal").label(), "a==1");
        assert!(one.with(&Pins::parse(["a==2"]).expect("pins")).is_err());
        let many: Vec<String> = (0..=MAX_PINS).map(|at| format!("p{at}==1")).collect();
        assert!(Pins::parse(many.iter().map(String::as_str)).is_err());
    }

    #[test]
    fn the_name_of_a_run_of_an_upgrade_is_read_again() {
        for (plan, side, round) in [("nightly", 0, 1), ("a (b)", 1, 1), ("a, round 3", 1, 12)] {
            assert_eq!(upgrade_of(&upgrade_run(plan, side, round)), Some((plan, side, round)));
        }
        assert_eq!(upgrade_run("a", 1, 2), "a (after the upgrade, round 2)");
        for name in [
            "nightly",
            "a (after)",
            "a (during the upgrade)",
            "a (after the upgrade, round 1)",
            "a (after the upgrade, round x)",
            "a (after the upgrade) again",
        ] {
            assert_eq!(upgrade_of(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_a_pin_that_is_read_again(given in "[ -~\n\u{e9}]{0,40}") {
            if let Ok(pin) = Pin::parse(&given) {
                prop_assert!(!pin.as_str().starts_with('-') && !pin.as_str().contains([' ', '@', ';', '/']));
                prop_assert_eq!(Pin::parse(pin.as_str()).expect("canonical"), pin);
            }
        }

        #[test]
        fn a_label_is_read_again(versions in prop::collection::vec(0u32..99, 0..5)) {
            let texts: Vec<String> =
                versions.iter().enumerate().map(|(at, v)| format!("p{at}=={v}")).collect();
            let pins = Pins::parse(texts.iter().map(String::as_str)).expect("pins");
            prop_assert_eq!(Pins::of_label(&pins.label()).expect("label"), pins);
        }
    }
}
