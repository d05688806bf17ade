//! The check of the results database: every value of every table is read, and the numbers of rows are
//! compared with the event log.

use super::compare::{LOST, compare_identity, compare_last};
use super::history::{Last, Rows};
use super::report::Part;
use crate::domain::causes::with_causes;
use crate::domain::storage_id::StorageId;
use crate::log::Sequence;
use crate::results::render::figures::counted;
use crate::results::uncompared;
use crate::store::{Checked, StoreError};
use std::path::{Path, PathBuf};

const NAME: &str = "results database";
/// Next step for a database that is damaged.
const REBUILT: &str = "start the coordinator, which renames the file and builds it again from the \
                       event log and the archive";

/// The database, opened before the log is read.
pub struct Database {
    path: PathBuf,
    opened: Result<Checked, StoreError>,
}

impl Database {
    pub fn open(path: &Path) -> Self {
        Self { path: path.to_owned(), opened: Checked::open(path) }
    }

    /// The last record that it contains.
    pub fn watermark(&self) -> Option<Sequence> {
        self.opened.as_ref().ok().map(|database| database.watermark)
    }

    pub fn check(
        self,
        identity: Option<StorageId>,
        last: &Last,
        progress: &mut dyn FnMut(&str),
    ) -> Part {
        let database = match self.opened {
            Ok(database) => database,
            Err(StoreError::Missing(path)) => return Part::absent(NAME, path),
            Err(error @ StoreError::InUse { .. }) => {
                let mut part = Part::new(NAME, self.path);
                part.add(None, with_causes(&error), "close it there, and check again");
                return part;
            }
            Err(error) => {
                let mut part = Part::new(NAME, self.path);
                part.add(None, with_causes(&error), REBUILT);
                return part;
            }
        };
        let mut part = Part::new(NAME, self.path);
        compare_identity(&mut part, database.identity, identity);
        compare_last(&mut part, database.watermark, last.record);
        compare_note(&mut part, database.watermark);
        let rows = read_tables(&database, &mut part, progress);
        part.content = format!("records up to {}, {}", database.watermark, counted(rows, "row"));
        if database.is_migrated_at_start() {
            part.content.push_str(", of an older version of dtf");
        }
        if let Some(expected) = last.rows
            && part.findings.is_empty()
            && !database.has_part_of_record
        {
            compare_rows(&database, &expected, &mut part);
        }
        part
    }
}

/// Adds a finding if the database contains records that the log did not have when a coordinator could not
/// compare the two.
fn compare_note(part: &mut Part, watermark: Sequence) {
    let data_dir = part.path.parent().unwrap_or(Path::new(""));
    match uncompared::limit(data_dir, watermark) {
        Ok(limit) if limit < watermark => {
            let problem = format!(
                "it contains record {watermark}, but the event log ended with record {limit} when \
                 another process had the database open, and has other records since"
            );
            part.add(Some(format!("record {}", limit + 1)), problem, LOST);
        }
        Ok(_) => {}
        Err(error) => part.add(None, with_causes(&error), REBUILT),
    }
}

/// Reads all tables. Returns the number of their rows.
fn read_tables(database: &Checked, part: &mut Part, progress: &mut dyn FnMut(&str)) -> u64 {
    let tables = match database.tables() {
        Ok(tables) => tables,
        Err(error) => {
            part.add(None, with_causes(&error), REBUILT);
            return 0;
        }
    };
    let mut rows = 0;
    for table in tables {
        progress(&format!("results database: table {table}"));
        match database.read_table(&table) {
            Ok(count) => rows += count,
            Err(error) => part.add(Some(format!("table {table}")), with_causes(&error), REBUILT),
        }
    }
    rows
}

fn compare_rows(database: &Checked, expected: &Rows, part: &mut Part) {
    const NEXT: &str = "remove the file while no coordinator runs; the next start builds it again";
    for (table, expected) in
        [("runs", expected.runs), ("tests", expected.tests), ("attempts", expected.attempts)]
    {
        match database.count(table) {
            Ok(count) if count == expected => {}
            Ok(count) => {
                let problem = format!("it has {count} rows, and the event log leads to {expected}");
                part.add(Some(format!("table {table}")), problem, NEXT);
            }
            Err(error) => part.add(Some(format!("table {table}")), with_causes(&error), REBUILT),
        }
    }
}
