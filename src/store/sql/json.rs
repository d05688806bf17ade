//! Numbers that JSON does not have.
//!
//! DuckDB writes them as `NaN`, `Infinity` and `-Infinity`, also within lists and objects. They become `null`.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

/// Replaces the numbers in a file that JSON does not have.
pub(super) fn without_infinities(path: &Path) -> io::Result<()> {
    let finite = path.with_extension("finite");
    let mut target = BufWriter::new(File::create(&finite)?);
    replace(&mut BufReader::new(File::open(path)?), &mut target)?;
    target.flush()?;
    drop(target);
    fs::rename(finite, path)
}

/// Copies JSON. Outside of strings, a word is copied when it ends.
fn replace(source: &mut dyn BufRead, target: &mut dyn Write) -> io::Result<()> {
    let (mut is_string, mut is_escaped) = (false, false);
    let mut word: Vec<u8> = Vec::new();
    loop {
        let bytes = source.fill_buf()?;
        if bytes.is_empty() {
            return write_word(&mut word, target);
        }
        for byte in bytes {
            if is_string {
                target.write_all(&[*byte])?;
                is_string = is_escaped || *byte != b'"';
                is_escaped = !is_escaped && *byte == b'\\';
            } else if byte.is_ascii_alphanumeric() || b"+-.".contains(byte) {
                word.push(*byte);
            } else {
                write_word(&mut word, target)?;
                target.write_all(&[*byte])?;
                is_string = *byte == b'"';
            }
        }
        let read = bytes.len();
        source.consume(read);
    }
}

fn write_word(word: &mut Vec<u8>, target: &mut dyn Write) -> io::Result<()> {
    let is_finite = !matches!(&**word, b"NaN" | b"-NaN" | b"Infinity" | b"-Infinity");
    target.write_all(if is_finite { word } else { b"null" })?;
    word.clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_are_replaced() {
        let given =
            r#"[{"NaN":[NaN,-1.5e+3,-Infinity],"t":"\\\"NaN, \\","u":Infinity,"b":[true,null]}]"#;
        let expected =
            r#"[{"NaN":[null,-1.5e+3,null],"t":"\\\"NaN, \\","u":null,"b":[true,null]}]"#;
        for size in [1, 2, 7, 4096] {
            let mut written = Vec::new();
            replace(&mut BufReader::with_capacity(size, given.as_bytes()), &mut written)
                .expect("copied");
            assert_eq!(String::from_utf8(written).expect("text"), expected);
        }
    }
}
