//! Releases memory that only the start of the program needs.
//!
//! The dynamic loader reads the symbol tables and relocations of every library once, and these pages
//! stay resident. In a worker, which never uses DuckDB, 8.6 MB of them belong to the library of
//! DuckDB. Releasing them costs at most a page fault if one is read again. Only Linux is supported;
//! elsewhere nothing happens.

/// Releases the read-only pages of the program file and its libraries. The kernel reads a page again
/// from its file when it is needed, so only the memory usage changes.
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
        // Without this file, nothing is released.
        let Ok(mappings) = std::fs::read_to_string("/proc/self/smaps") else { return };
        for Range { start, end } in unmodified(&mappings) {
            let address = with_exposed_provenance_mut::<c_void>(start);
            // SAFETY: the range is one mapping of a file, without write permission and without a
            // modified page ([`unmodified`]), so the kernel reads each page again from the file. No
            // library of the program is unloaded while it runs.
            #[expect(unsafe_code, reason = "no safe interface takes a mapping of the loader")]
            let released = unsafe { madvise(address, end - start, Advice::LinuxDontNeed) };
            if let Err(error) = released {
                tracing::debug!(%error, "pages that only the start needed stay in memory");
            }
        }
    }

    /// The address ranges of the mappings in a text like `/proc/self/smaps` that hold read-only data
    /// of a file and to which nothing was written before they became read-only. Code is left out,
    /// since running code would be read again at once.
    fn unmodified(smaps: &str) -> Vec<Range<usize>> {
        let (mut ranges, mut current) = (Vec::new(), None);
        for line in smaps.lines() {
            if let Some(written) = line.strip_prefix("Anonymous:") {
                ranges.extend(current.take().filter(|_| written.trim() == "0 kB"));
            } else if !line.split(' ').next().is_some_and(|word| word.ends_with(':')) {
                current = file_data(line);
            }
        }
        ranges
    }

    /// The address range of a mapping, by its first line, if it is read-only data of a file.
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
        fn only_unmodified_read_only_data_of_files_is_released() {
            assert_eq!(
                unmodified(SMAPS),
                [0x55aa_0000..0x55aa_2000, 0x7f10_0000..0x7f10_8000],
                "neither code, nor relocated data, nor writable, nor without a file"
            );
        }

        #[test]
        fn another_text_than_smaps_has_no_ranges() {
            assert!(unmodified("Anonymous: 0 kB\nnonsense\n12-zz r--p 0 0 0 /x\n").is_empty());
        }

        /// The constants of the program are among the released data.
        #[test]
        fn released_data_reads_as_before() {
            let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
            assert!(!unmodified(&smaps).is_empty(), "this program has read-only data");
            super::super::forget_startup();
            assert_eq!(unmodified(SMAPS).len(), 2);
        }
    }
}
