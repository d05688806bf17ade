//! Panics of libraries that report damaged input by a panic.

use std::cell::Cell;
use std::panic::{self, UnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether panics of this thread are caught and reported by [`catch`].
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, and returns the message of its panic if it panics. The message is not printed.
/// Panics of other threads are printed as usual.
///
/// # Errors
/// `work` panicked.
pub fn catch<T>(work: impl FnOnce() -> T + UnwindSafe) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !CAUGHT.get() {
                print(info);
            }
        }));
    });
    let outer = CAUGHT.replace(true);
    let result = panic::catch_unwind(work);
    CAUGHT.set(outer);
    result.map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        text.unwrap_or("a panic without a message").to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_panic_is_returned() {
        assert_eq!(catch(|| 7), Ok(7));
        assert_eq!(catch(|| panic!("fixed")), Err::<(), _>("fixed".to_owned()));
        assert_eq!(catch(|| panic!("number {}", 7)), Err::<(), _>("number 7".to_owned()));
    }
}
