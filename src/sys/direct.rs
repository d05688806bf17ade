//! Writes large files without the page cache where the system can: a file that is written once and read
//! later, if at all, would only displace pages that are in use, and its pages would be written when it is
//! synced.
//!
//! Only whole buffers of [`BUFFER_BYTES`] are written directly, so that small files are written as usual.
//! Limit: one buffer for each file. Promise: a file system that refuses direct writes gets usual ones.

use std::fs::File;
use std::io::{self, Write};

/// Size of the buffer, in bytes.
pub const BUFFER_BYTES: usize = 1024 * 1024;
/// Alignment that direct writes need in memory, in bytes. It is that of every usual disk.
const ALIGNMENT: usize = 4096;

/// A file that is written from its position on, which is a multiple of [`BUFFER_BYTES`].
#[derive(Debug)]
pub struct DirectFile {
    file: File,
    /// Larger than the buffer, so that an aligned part of it has its size.
    memory: Vec<u8>,
    /// Beginning of the aligned part.
    start: usize,
    length: usize,
    mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// No whole buffer has been written.
    Undecided,
    Direct,
    Usual,
}

impl DirectFile {
    /// Takes a file.
    #[must_use]
    pub fn new(file: File) -> Self {
        let memory = vec![0; BUFFER_BYTES + ALIGNMENT];
        let start = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { file, memory, start, length: 0, mode: Mode::Undecided }
    }

    /// Copies as many bytes into the buffer as fit, and returns their number.
    pub fn fill(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(BUFFER_BYTES - self.length);
        let from = self.start + self.length;
        self.memory[from..from + taken].copy_from_slice(&bytes[..taken]);
        self.length += taken;
        taken
    }

    /// The bytes in the buffer, which are not in the file yet.
    #[must_use]
    pub fn buffered(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }

    /// Whether the buffer must be written before it takes more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.length == BUFFER_BYTES
    }

    /// Writes the buffer, and empties it. Blocks.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self) -> io::Result<()> {
        if self.is_full() && self.mode == Mode::Undecided {
            self.mode = if set_direct(&self.file, true) { Mode::Direct } else { Mode::Usual };
        } else if !self.is_full() && self.mode == Mode::Direct {
            self.usual();
        }
        let bytes = &self.memory[self.start..self.start + self.length];
        match (&self.file).write_all(bytes) {
            // Nothing is written when a direct write is refused for its form.
            Err(error)
                if self.mode == Mode::Direct && error.kind() == io::ErrorKind::InvalidInput =>
            {
                self.usual();
                (&self.file).write_all(&self.memory[self.start..self.start + self.length])?;
            }
            written => written?,
        }
        self.length = 0;
        Ok(())
    }

    /// Copies bytes into the buffer, and writes it whenever it is full. Blocks.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = &bytes[self.fill(bytes)..];
            if self.is_full() {
                self.write()?;
            }
        }
        Ok(())
    }

    /// Writes the rest, and returns the file, which is read and written as usual. Blocks.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(mut self) -> io::Result<File> {
        if self.length > 0 {
            self.write()?;
        }
        self.usual();
        Ok(self.file)
    }

    fn usual(&mut self) {
        if self.mode == Mode::Direct {
            set_direct(&self.file, false);
        }
        self.mode = Mode::Usual;
    }
}

/// Switches direct writes on or off. Returns whether that was possible.
#[cfg(target_os = "linux")]
fn set_direct(file: &File, direct: bool) -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let Ok(mut flags) = fcntl_getfl(file) else { return false };
    flags.set(OFlags::DIRECT, direct);
    fcntl_setfl(file, flags).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn set_direct(_: &File, _: bool) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_every_size_have_their_content() {
        let directory = tempfile::tempdir().expect("a directory");
        for size in [0, 1, 4096, BUFFER_BYTES, BUFFER_BYTES + 1, 2 * BUFFER_BYTES + 12_345] {
            let content: Vec<u8> = (0..size).map(|at| (at ^ (at >> 8)) as u8).collect();
            let path = directory.path().join(size.to_string());
            let mut file = DirectFile::new(File::create(&path).expect("created"));
            // Pieces of an odd size, as they arrive from a network.
            for mut piece in content.chunks(70_001) {
                while !piece.is_empty() {
                    piece = &piece[file.fill(piece)..];
                    if file.is_full() {
                        assert_eq!(file.buffered().len(), BUFFER_BYTES);
                        file.write().expect("written");
                    }
                }
            }
            let mut file = file.finish().expect("written");
            assert!(std::fs::read(&path).expect("read") == content, "{size}");
            file.write_all(b"more").expect("written as usual");
            assert_eq!(std::fs::metadata(&path).expect("there").len(), size as u64 + 4);
        }
    }
}
