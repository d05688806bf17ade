//! A file whose changes stay in memory until they are accepted.
//!
//! redb repairs a file that was not closed while it opens the file, and a repair can remove the last
//! commit. The log opens its file through this layer, inspects the result, and accepts the changes
//! only then. Without acceptance the file never changes, as for readers.
//!
//! Promises: accepted changes reach the file in their original order, with the original syncs between
//! them, so that a crash in between is a crash that redb can repair. From then on, every operation
//! passes through. Limit: [`MAX_STAGED_BYTES`] of changes.

use redb::{BackendError, StorageBackend};
use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum size of the changes that are kept in memory, in bytes. A repair writes the map of the free
/// pages, about 1 bit for each page of 4 KiB.
const MAX_STAGED_BYTES: usize = 64 * 1024 * 1024;
const PAGE_BYTES: usize = 4096;

type Page = Box<[u8; PAGE_BYTES]>;

/// Clones share the file.
#[derive(Debug, Clone)]
pub(super) struct StagedFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Box<dyn StorageBackend>,
    /// Whether operations pass through.
    accepted: AtomicBool,
    stage: Mutex<Stage>,
}

#[derive(Debug, Default)]
struct Stage {
    /// Present length.
    len: u64,
    /// Number of bytes at the start of the file that were never cut off. The others are zero unless
    /// they were written.
    kept: u64,
    /// Written pages by their number.
    pages: BTreeMap<u64, Page>,
    changes: Vec<Change>,
    staged_bytes: usize,
}

#[derive(Debug)]
enum Change {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

impl StagedFile {
    /// # Errors
    /// The length of the file cannot be read.
    pub fn new(file: Box<dyn StorageBackend>) -> io::Result<Self> {
        let len = file.len()?;
        let stage = Mutex::new(Stage { len, kept: len, ..Stage::default() });
        Ok(Self(Arc::new(Inner { file, accepted: AtomicBool::new(false), stage })))
    }

    /// Writes the changes to the file. From now on, operations pass through.
    ///
    /// # Errors
    /// A change cannot be written. The file is then as after a crash.
    pub fn accept(&self) -> io::Result<()> {
        let mut stage = self.stage();
        for change in std::mem::take(&mut stage.changes) {
            match change {
                Change::Write(offset, data) => self.0.file.write(offset, &data)?,
                Change::SetLen(len) => self.0.file.set_len(len)?,
                Change::Sync => self.0.file.sync_data()?,
            }
        }
        *stage = Stage::default();
        self.0.accepted.store(true, Ordering::Release);
        Ok(())
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stage; `None` once it is accepted.
    fn staged(&self) -> Option<MutexGuard<'_, Stage>> {
        (!self.0.accepted.load(Ordering::Acquire)).then(|| self.stage())
    }
}

impl Stage {
    fn read(&self, file: &dyn StorageBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = offset + out.len() as u64;
        if end > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let from_file = usize::try_from(self.kept.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (old, new) = out.split_at_mut(from_file.min(out.len()));
        if !old.is_empty() {
            file.read(offset, old)?;
        }
        new.fill(0);
        let page_bytes = PAGE_BYTES as u64;
        for (number, page) in self.pages.range(offset / page_bytes..end.div_ceil(page_bytes)) {
            let start = number * page_bytes;
            let (from, to) = (start.max(offset), (start + page_bytes).min(end));
            let within = |position: u64, origin: u64| (position - origin) as usize;
            out[within(from, offset)..within(to, offset)]
                .copy_from_slice(&page[within(from, start)..within(to, start)]);
        }
        Ok(())
    }

    fn write(&mut self, file: &dyn StorageBackend, offset: u64, data: &[u8]) -> io::Result<()> {
        self.count(data.len())?;
        self.len = self.len.max(offset + data.len() as u64);
        let mut rest = data;
        let mut position = offset;
        while !rest.is_empty() {
            let (number, within) = (position / PAGE_BYTES as u64, position as usize % PAGE_BYTES);
            let (now, later) = rest.split_at(rest.len().min(PAGE_BYTES - within));
            if !self.pages.contains_key(&number) {
                let page = self.old_page(file, number)?;
                self.pages.insert(number, page);
            }
            if let Some(page) = self.pages.get_mut(&number) {
                page[within..within + now.len()].copy_from_slice(now);
            }
            position += now.len() as u64;
            rest = later;
        }
        self.changes.push(Change::Write(offset, data.to_vec()));
        Ok(())
    }

    /// The content of a page that was not written.
    fn old_page(&self, file: &dyn StorageBackend, number: u64) -> io::Result<Page> {
        let mut page: Page = Box::new([0; PAGE_BYTES]);
        let start = number * PAGE_BYTES as u64;
        let kept = self.kept.saturating_sub(start).min(PAGE_BYTES as u64) as usize;
        if kept > 0 {
            file.read(start, &mut page[..kept])?;
        }
        Ok(page)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.count(0)?;
        let first_after = len.div_ceil(PAGE_BYTES as u64);
        self.pages.split_off(&first_after);
        if let Some(page) = self.pages.get_mut(&(len / PAGE_BYTES as u64)) {
            page[len as usize % PAGE_BYTES..].fill(0);
        }
        self.kept = self.kept.min(len);
        self.len = len;
        self.changes.push(Change::SetLen(len));
        Ok(())
    }

    /// Counts a change with this number of bytes.
    fn count(&mut self, bytes: usize) -> io::Result<()> {
        self.staged_bytes += bytes + size_of::<Change>();
        if self.staged_bytes > MAX_STAGED_BYTES {
            return Err(io::Error::other("the repair of the file needs too much memory"));
        }
        Ok(())
    }
}

impl StorageBackend for StagedFile {
    fn len(&self) -> io::Result<u64> {
        match self.staged() {
            Some(stage) => Ok(stage.len),
            None => self.0.file.len(),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match self.staged() {
            Some(stage) => stage.read(&*self.0.file, offset, out),
            None => self.0.file.read(offset, out),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        match self.staged() {
            Some(mut stage) => stage.set_len(len),
            None => self.0.file.set_len(len),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        match self.staged() {
            Some(mut stage) => {
                stage.count(0)?;
                stage.changes.push(Change::Sync);
                Ok(())
            }
            None => self.0.file.sync_data(),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        match self.staged() {
            Some(mut stage) => stage.write(&*self.0.file, offset, data),
            None => self.0.file.write(offset, data),
        }
    }

    fn close(&self) -> io::Result<()> {
        self.0.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.0.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.query_lock_range(start, end)
    }
}
