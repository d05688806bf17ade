//! Names of generated tests.

use crate::plan::generate::case::{Case, Role};
use crate::plan::generate::subject::Subject;
use crate::plan::packages::PACKAGES;

impl Subject<'_> {
    /// The name of a test, such as `bert-base-uncased/cpu/b1-s128-fp32`.
    pub fn name(&self, case: &Case) -> String {
        let length = match case.parameters.get("sequence_length") {
            Some(length) => format!("-s{length}"),
            None => String::new(),
        };
        let image = match self.image(case) {
            0 => String::new(),
            image => format!("-i{image}"),
        };
        let prefix = &self.entry.prefix;
        let size = format!("{length}{image}{}", self.unusual_sizes(case));
        let packages =
            if self.entry.lists(PACKAGES) { case.packages.name_part() } else { String::new() };
        match case.role() {
            Role::Reference => match format!("{size}{packages}").strip_prefix('-') {
                Some(rest) => return format!("{prefix}/reference/{rest}"),
                None => return format!("{prefix}/reference"),
            },
            Role::Load => return format!("{prefix}/{}/load{packages}", case.backend),
            Role::Test => {}
        }
        let shown = case.shown_weights();
        let usual = ["", "default", "torch"];
        let further = ["attention", "runtime"].map(|name| case.text(name));
        let further = further.into_iter().filter(|text| !usual.contains(text));
        let weights = self.entry.lists("weights").then_some(shown.as_str());
        let further: String = further.chain(weights).map(|text| format!("-{text}")).collect();
        let batch = case.number("batch");
        let dtype = case.text("dtype");
        format!("{prefix}/{}/b{batch}{size}-{dtype}{further}{packages}", case.backend)
    }

    /// Sizes that come from `parameters` and differ from the defaults of the template. They are
    /// part of the name, because the history of another size does not apply.
    fn unusual_sizes(&self, case: &Case) -> String {
        let defaults = &self.template(case.backend).front_matter.parameters;
        let letters = [("max_new_tokens", 'n'), ("audio_seconds", 'a'), ("latent_size", 'l')];
        let unusual = letters.iter().filter_map(|(name, letter)| {
            let size = case.parameters.get(*name)?.as_f64()?;
            (defaults.get(*name)?.as_f64() != Some(size)).then(|| format!("-{letter}{size}"))
        });
        unusual.collect()
    }
}
