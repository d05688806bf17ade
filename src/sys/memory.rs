//! Memory that only the start of the program needed.
//!
//! The dynamic loader reads the symbol tables and relocations of every library, once. Those
//! pages stay resident: 8.6 MB of a worker, which never asks DuckDB for anything, are pages
//! of its library. They can be given back, for a read costs at most a page fault later.
//! Linux only; elsewhere nothing happens.

/// Gives back the read-only pages of the files that the program is made of. They come back
/// from those files when they are read again, so that nothing but memory in use changes.
pub fn forget_startup() {
    #[cfg(target_os = "linux")]
    linux::forget_startup();
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::mm::{Advice, madvise};
    use std::ffi::c_void;
    use std::ops::Range;
    use std::ptr::with_exposed_provenance_mut;

    pub fn forget_startup() {
        // A kernel without it loses nothing but the saving.
        let Ok(mappings) = std::fs::read_to_string("/proc/self/smaps") else { return };
        for Range { start, end } in clean(&mappings) {
            let address = with_exposed_provenance_mut::<c_void>(start);
            // SAFETY: the range is one mapping of a file, without write permission and without a
            // page of its own ([`clean`]): the kernel reads each page again from the file. Nothing
            // that the program is made of is unloaded while it runs.
            #[expect(unsafe_code, reason = "no safe interface takes a mapping of the loader")]
            let forgotten = unsafe { madvise(address, end - start, Advice::LinuxDontNeed) };
            if let Err(error) = forgotten {
                tracing::debug!(%error, "pages of the start stay in memory");
            }
        }
    }

    /// The mappings in this text (as in `/proc/self/smaps`) whose pages are all those of a file:
    /// read-only data, with nothing written to them before they became so. Code is left out:
    /// what runs would be read again at once.
    fn clean(smaps: &str) -> Vec<Range<usize>> {
        let (mut clean, mut current) = (Vec::new(), None);
        for line in smaps.lines() {
            if let Some(written) = line.strip_prefix("Anonymous:") {
                clean.extend(current.take().filter(|_| written.trim() == "0 kB"));
            } else if !line.split(' ').next().is_some_and(|word| word.ends_with(':')) {
                current = file_data(line);
            }
        }
        clean
    }

    /// From the first line of a mapping, its range where it is read-only data of a file.
    fn file_data(line: &str) -> Option<Range<usize>> {
        let mut fields = line.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let hex = |text| usize::from_str_radix(text, 16).ok();
        let range = hex(start)?..hex(end)?;
        let file = fields.next()? == "r--p" && fields.nth(3)?.starts_with('/');
        file.then_some(range)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        const SMAPS: &str = "\
55aa0000-55aa2000 r--p 00000000 fe:00 77 /usr/bin/dtf
Size:                  8 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
55aa2000-55aa3000 r-xp 00002000 fe:00 77 /usr/bin/dtf
Anonymous:             0 kB
55aa3000-55aa4000 r--p 00003000 fe:00 77 /usr/bin/dtf
Anonymous:             4 kB
55aa4000-55aa5000 rw-p 00004000 fe:00 77 /usr/bin/dtf
Anonymous:             0 kB
7f000000-7f001000 r--p 00000000 00:00 0
Anonymous:             0 kB
7f100000-7f108000 r--p 00000000 fe:00 78 /usr/lib/lib with a space.so (deleted)
Anonymous:             0 kB
7ffc0000-7ffc4000 r--p 00000000 00:00 0 [vvar]
Anonymous:             0 kB
";

        #[test]
        fn only_read_only_data_of_files_that_nobody_wrote_to_is_given_back() {
            assert_eq!(
                clean(SMAPS),
                [0x55aa_0000..0x55aa_2000, 0x7f10_0000..0x7f10_8000],
                "neither code, nor relocated data, nor writable, nor without a file"
            );
        }

        #[test]
        fn what_is_not_smaps_gives_nothing() {
            assert!(clean("Anonymous: 0 kB\nnonsense\n12-zz r--p 0 0 0 /x\n").is_empty());
        }

        /// Constants of the program are among what is given back.
        #[test]
        fn what_was_given_back_reads_as_before() {
            let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
            assert!(!clean(&smaps).is_empty(), "this program has read-only data");
            super::super::forget_startup();
            assert_eq!(clean(SMAPS).len(), 2);
        }
    }
}
