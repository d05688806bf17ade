//! The caller's means to report what happens while something is gathered.

/// Receives notes, warnings and progress, one line each.
pub trait Notices {
    /// A fact that the user should know.
    fn note(&self, text: &str);
    /// A fact that may make the tests differ from what the user expects.
    fn warning(&self, text: &str);
    /// The current step of a long operation, until the next step or [`Self::done`].
    fn step(&self, text: &str);
    /// The operation of the last step has ended.
    fn done(&self);
}
