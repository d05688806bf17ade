//! Checks the values of a table of back-ends.
//!
//! Limits: [`MAX_LIST`] entries of a list, [`MAX_TEXT_BYTES`] of a text. Promises: a name of a
//! function is a dotted name, never an expression; a pattern of device files is absolute and does
//! not leave its directory; a variable of dtf is not replaced.

use crate::backends::entry::{Entry, NONE, OnnxRuntime, Pin, Python};

/// Maximum number of entries of one list.
pub const MAX_LIST: usize = 32;
/// Maximum length of one text, in bytes.
pub const MAX_TEXT_BYTES: usize = 200;

/// # Errors
/// The first value that is not allowed, after its key.
pub(super) fn check(entry: &Entry) -> Result<(), String> {
    if let Some(title) = &entry.title {
        plain("title", title)?;
    }
    for pattern in entry.detect.iter().flat_map(|detect| &detect.files) {
        device_file(pattern)?;
    }
    let files = entry.detect.as_ref().map_or(0, |detect| detect.files.len());
    short("detect.files", files)?;
    if let Some(pin) = &entry.pin {
        variables(pin)?;
    }
    let packages = entry.packages.as_deref().unwrap_or_default();
    short("packages", packages.len())?;
    for package in packages {
        requirement("packages", package)?;
    }
    for (key, word) in [("torch", &entry.torch), ("runtime", &entry.runtime)] {
        let is_word = |word: &String| word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
        if word.as_ref().is_some_and(|word| word.is_empty() || !is_word(word)) {
            return Err(format!("{key}: a word of letters and digits is expected"));
        }
    }
    if let Some(python) = &entry.python {
        functions(python)?;
    }
    if let Some(onnxruntime) = &entry.onnxruntime {
        providers(onnxruntime)?;
    }
    match entry.runtime.as_deref() {
        None | Some("torch" | "openvino") => Ok(()),
        Some("onnxruntime") if entry.onnxruntime.is_some() => Ok(()),
        Some("onnxruntime") => {
            Err("onnxruntime: the runtime onnxruntime needs a package and providers".to_owned())
        }
        Some(other) => {
            Err(format!("runtime: {other:?} is not one of torch, onnxruntime and openvino"))
        }
    }
}

fn short(key: &str, length: usize) -> Result<(), String> {
    if length > MAX_LIST {
        return Err(format!("{key}: there are too many entries ({length}, maximum {MAX_LIST})"));
    }
    Ok(())
}

fn plain(key: &str, text: &str) -> Result<(), String> {
    if text.len() > MAX_TEXT_BYTES {
        let length = text.len();
        return Err(format!(
            "{key}: the text is too long ({length} bytes, maximum {MAX_TEXT_BYTES})"
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{key}: the text has a control character"));
    }
    Ok(())
}

fn requirement(key: &str, package: &str) -> Result<(), String> {
    plain(key, package)?;
    if !package.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(format!("{key}: {package:?} is not a package requirement"));
    }
    Ok(())
}

/// An absolute path with at most one `*`, in its last part.
fn device_file(pattern: &str) -> Result<(), String> {
    plain("detect.files", pattern)?;
    let wrong = |why: &str| Err(format!("detect.files: {pattern:?} {why}"));
    let Some((directory, name)) = pattern.rsplit_once('/') else {
        return wrong("is not an absolute path");
    };
    if !pattern.starts_with('/') || name.is_empty() {
        return wrong("is not the absolute path of a file");
    }
    if directory.contains('*') || name.matches('*').count() > 1 {
        return wrong("may have one `*`, in its last part");
    }
    if pattern.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) {
        return wrong("has an empty part, `.` or `..`");
    }
    Ok(())
}

fn variables(pin: &Pin) -> Result<(), String> {
    let all = pin.set.iter().chain(pin.windows.iter().flatten()).chain(&pin.hide);
    short("pin", all.clone().count())?;
    short("pin.reads", pin.reads.len())?;
    for name in all.clone().map(|(name, _)| name).chain(&pin.reads) {
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !is_name || name.len() > MAX_TEXT_BYTES {
            return Err(format!("pin: {name:?} is not the name of a variable"));
        }
        let name = name.to_ascii_uppercase();
        if name == "PATH" || name.starts_with("DTF_") || name.starts_with("LD_") {
            return Err(format!("pin: the variable {name} must not be changed"));
        }
    }
    for (name, value) in all {
        plain(&format!("pin: {name}"), value)?;
        let rest = value.replace("{ids}", "").replace("{indexes}", "").replace("{cores}", "");
        if rest.contains(['{', '}']) {
            return Err(format!(
                "pin: {name}: {value:?} may contain {{ids}}, {{indexes}} and {{cores}} only"
            ));
        }
    }
    Ok(())
}

fn functions(python: &Python) -> Result<(), String> {
    let device = &python.device;
    let is_device = device.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
    if device.is_empty() || device.len() > MAX_TEXT_BYTES || !is_device {
        return Err(format!("python.device: {device:?} is not a device such as cuda:0"));
    }
    short("python.imports", python.imports.len())?;
    for module in &python.imports {
        if !is_dotted(module) {
            return Err(format!("python.imports: {module:?} is not the name of a module"));
        }
    }
    if let Some(build) = python.build.as_ref().filter(|build| !is_dotted(build)) {
        return Err(format!("python.build: {build:?} is not an entry of torch.version"));
    }
    let functions = python.functions();
    let given = functions.iter().filter_map(|(key, name)| Some((*key, name.as_ref()?)));
    let synchronise = Some(("synchronise", &python.synchronise));
    for (key, name) in given.chain(synchronise.filter(|(_, name)| *name != NONE)) {
        if !is_dotted(name) || !name.contains('.') {
            return Err(format!(
                "python.{key}: {name:?} is not the name of a function such as torch.cuda.{key}"
            ));
        }
    }
    Ok(())
}

/// Whether a text is a name of Python, or several with dots between them.
fn is_dotted(text: &str) -> bool {
    text.len() <= MAX_TEXT_BYTES
        && text.split('.').all(|part| {
            part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        })
}

fn providers(own: &OnnxRuntime) -> Result<(), String> {
    requirement("onnxruntime.package", &own.package)?;
    short("onnxruntime.providers", own.providers.len())?;
    for provider in &own.providers {
        if !is_dotted(&provider.name) {
            let name = &provider.name;
            return Err(format!("onnxruntime.providers: {name:?} is not a provider"));
        }
        short("onnxruntime.providers", provider.options.len())?;
        for (name, value) in &provider.options {
            plain("onnxruntime.providers", name)?;
            plain("onnxruntime.providers", value)?;
        }
    }
    Ok(())
}
