//! `docs/config.md`, made from the table of settings.

use super::TABLE;
use std::fmt::Write;

/// The whole page.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "# Settings\n\n\
         Made by `dtf config-reference`; do not edit.\n\n\
         A setting is taken from the flag, then the variable, then the file, then the default.\n\
         The file is the one named by `--config` or `DTF_CONFIG`, else `config.yaml` in the\n\
         platform's settings directory for dtf (on Linux `~/.config/dtf/`). It is YAML with one\n\
         `key: value` a line; lists can be written as lists. Unknown keys are refused. A relative\n\
         path in the file is relative to the directory of the file.\n\n\
         | key in the file | flag | variable | read by | default | meaning |\n\
         |---|---|---|---|---|---|\n",
    );
    for setting in TABLE {
        let flag = setting.key.replace('_', "-");
        let variable = setting.key.to_uppercase();
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | `--{flag}` | `DTF_{variable}` | {} | {} | {} |",
            setting.key, setting.commands, setting.default, setting.help
        );
    }
    page
}
