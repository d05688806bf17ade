//! Quoting of texts for the languages of generated files: one function for each.
//!
//! Promise: what a program of that language reads is exactly the given text, or the text is
//! refused with the reason. No language receives control characters, or characters that change
//! what a reader sees: their effect differs between versions of the programs that read the files.

use crate::text::invisible::is_invisible;
use crate::text::render::Quote;

/// Filters of the templates by name.
pub const FILTERS: [(&str, Quote); 12] = [
    ("plain", plain),
    ("sh", sh),
    ("env", env),
    ("unit", unit),
    ("unit_program", unit_program),
    ("unit_path", unit_path),
    ("unit_line", unit_line),
    ("xml", xml),
    ("image", image),
    ("yaml", yaml),
    ("yaml_dollar", yaml_dollar),
    ("sbatch", sbatch),
];

/// The reason why a text is not accepted in any generated file.
pub fn refusal(text: &str) -> Option<String> {
    let found = text.chars().find(|character| is_refused(*character))?;
    Some(format!("the character U+{:04X} cannot be quoted safely", u32::from(found)))
}

/// Control characters, invisible ones, annotations, further tags, and code points without a
/// character.
fn is_refused(character: char) -> bool {
    character.is_control()
        || is_invisible(character)
        || matches!(character, '\u{fff0}'..='\u{fffb}' | '\u{e0080}'..='\u{e0fff}')
        || u32::from(character) & 0xfffe == 0xfffe
}

fn checked(text: &str) -> Result<&str, String> {
    refusal(text).map_or(Ok(text), Err)
}

/// With a backslash before each of `special`.
fn escaped(text: &str, special: &[char]) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    for character in text.chars() {
        if special.contains(&character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

/// A name that has the same form in every language.
fn plain(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_plain) {
        return Err(format!("{text:?} is not a plain name"));
    }
    Ok(text.to_owned())
}

/// A word of a shell script.
fn sh(text: &str) -> Result<String, String> {
    Ok(format!("'{}'", checked(text)?.replace('\'', r"'\''")))
}

/// The value of an assignment that a shell and the `EnvironmentFile=` of systemd read alike: both
/// unescape these four characters between double quotes, and nothing else.
fn env(text: &str) -> Result<String, String> {
    Ok(format!("\"{}\"", escaped(checked(text)?, &['\\', '"', '`', '$'])))
}

/// A word of a command in a systemd unit, where `%` and `$` begin expansions.
fn unit(text: &str) -> Result<String, String> {
    unit_path(&text.replace('$', "$$"))
}

/// The program of a command in a systemd unit, where `$` is a plain character, and a path with quotes or a
/// backslash is an error also when it is quoted.
fn unit_program(text: &str) -> Result<String, String> {
    match text.chars().find(|character| ['"', '\'', '\\'].contains(character)) {
        Some(character) => Err(format!("systemd starts no program with {character} in its path")),
        None => unit_path(text),
    }
}

/// A path in a list of a systemd unit, where only `%` begins an expansion.
fn unit_path(text: &str) -> Result<String, String> {
    Ok(format!("\"{}\"", escaped(checked(text)?, &['\\', '"']).replace('%', "%%")))
}

/// The value of a systemd setting that is taken as it is, except for `%`.
fn unit_line(text: &str) -> Result<String, String> {
    if text.ends_with('\\') || text.trim() != text {
        return Err(
            "systemd would change a space at its ends, or a backslash at its end".to_owned()
        );
    }
    Ok(checked(text)?.replace('%', "%%"))
}

/// The content of an XML element.
fn xml(text: &str) -> Result<String, String> {
    let text = checked(text)?.replace('&', "&amp;").replace('<', "&lt;");
    Ok(text.replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;"))
}

/// The name of a container image in a Dockerfile, where it cannot be quoted.
fn image(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_plain) {
        return Err(format!("{text:?} is not the name of an image"));
    }
    Ok(text.to_owned())
}

/// A YAML scalar: a JSON string is one in every version of YAML.
fn yaml(text: &str) -> Result<String, String> {
    serde_json::to_string(checked(text)?).map_err(|error| error.to_string())
}

/// A YAML scalar where `$` begins an expansion: in files of Docker Compose, and in variables of a
/// Kubernetes container.
fn yaml_dollar(text: &str) -> Result<String, String> {
    yaml(&text.replace('$', "$$"))
}

/// The value of an `#SBATCH` option. Versions of Slurm differ in what they unquote there.
fn sbatch(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:/=,@%+-".contains(c);
    match text.chars().find(|character| !plain(*character)) {
        _ if text.is_empty() => Err("an option of Slurm cannot be empty".to_owned()),
        Some(character) => {
            Err(format!("{character:?} cannot be quoted safely in an option of Slurm"))
        }
        None => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_its_quotes() {
        let text = r#"it's "5" % & <$HOME> `id` \"#;
        let quoted = |name: &str| {
            let found = FILTERS.iter().find(|(known, _)| *known == name);
            found.map(|(_, quote)| quote(text)).expect("a filter")
        };
        let expected = |name: &str, result: &str| {
            assert_eq!(quoted(name).as_deref(), Ok(result), "{name}");
        };
        expected("sh", r#"'it'\''s "5" % & <$HOME> `id` \'"#);
        expected("env", r#""it's \"5\" % & <\$HOME> \`id\` \\""#);
        expected("unit", r#""it's \"5\" %% & <$$HOME> `id` \\""#);
        assert!(quoted("unit_program").expect_err("refused").contains("systemd starts no"));
        assert_eq!(unit_program("/a b/$x%").as_deref(), Ok("\"/a b/$x%%\""));
        expected("unit_path", r#""it's \"5\" %% & <$HOME> `id` \\""#);
        assert!(quoted("unit_line").expect_err("refused").contains("backslash"));
        assert_eq!(unit_line("a \"5\" % $b").as_deref(), Ok("a \"5\" %% $b"));
        expected("xml", r"it&apos;s &quot;5&quot; % &amp; &lt;$HOME&gt; `id` \");
        expected("yaml", r#""it's \"5\" % & <$HOME> `id` \\""#);
        expected("yaml_dollar", r#""it's \"5\" % & <$$HOME> `id` \\""#);
        assert!(quoted("plain").expect_err("refused").contains("plain name"));
        assert!(quoted("sbatch").expect_err("refused").contains("option of Slurm"));
        assert_eq!(sbatch("gpu:2,x/y=z@60").as_deref(), Ok("gpu:2,x/y=z@60"));
    }

    #[test]
    fn no_language_takes_characters_that_hide_or_act() {
        for text in [
            "a\nb",
            "a\r\nb",
            "\0",
            "\u{1b}[2J",
            "\u{85}",
            "\u{2028}",
            "\u{202e}x",
            "\u{feff}",
            "\u{ffff}",
        ] {
            for (name, quote) in FILTERS {
                assert!(quote(text).is_err(), "{name} {text:?}");
            }
        }
        assert_eq!(sh("é 日本 🦀").as_deref(), Ok("'é 日本 🦀'"));
        assert_eq!(sh("").as_deref(), Ok("''"));
    }
}
