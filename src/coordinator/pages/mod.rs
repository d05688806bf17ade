//! The pages of the coordinator for browsers: rendered here, live by server-sent events.
//!
//! Job: each page shows documents of the API, which it gets from the same handlers, and has twins
//! with the ending `.json` (the document) and `.csv` (its main table). Limits: those of the API for
//! each document, [`render::MAX_BYTES`] for a page, [`streams::MAX_STREAMS`] streams, and those of
//! [`sessions`]. Promises: a page needs the permissions of its documents; every text of others is
//! escaped; a page contains no script and no style in its text and loads nothing from another host; a
//! browser changes something only by a form of a page of this coordinator; without JavaScript, a
//! reload shows the newest data.

mod actions;
mod again;
mod failure;
mod fields;
mod files;
mod live;
pub(crate) mod login;
mod page;
mod render;
pub(crate) mod sessions;
mod show;
pub(crate) mod streams;
mod table;
mod text;
mod viewer;

pub(crate) use failure::as_page;
pub(crate) use table::table;
