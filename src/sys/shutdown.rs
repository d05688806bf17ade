//! Two steps of stopping: first "stop when convenient", then "now".
//!
//! SIGTERM or SIGINT (ctrl-c) takes the next step; a third signal changes nothing more.
//! Anything that waits holds a clone of [`Shutdown`].

use crate::sys::spawn::Tasks;
use std::io;
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Run,
    Stop,
    Now,
}

/// Tells when to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown {
    step: watch::Receiver<Step>,
}

/// Takes the steps by hand: for tests and for roles that run inside another.
#[derive(Debug, Clone)]
pub struct Trigger {
    step: watch::Sender<Step>,
}

impl Shutdown {
    /// Follows the signals of this process from now on.
    ///
    /// # Errors
    /// The signal handlers cannot be installed.
    pub fn on_signals(tasks: &mut Tasks) -> io::Result<Self> {
        let (trigger, shutdown) = Self::by_hand();
        let mut signals = Signals::listen()?;
        tasks.spawn("signals", async move {
            while trigger.step.receiver_count() > 0 && *trigger.step.borrow() < Step::Now {
                tokio::select! {
                    _ = signals.next() => trigger.next(),
                    () = trigger.step.closed() => return,
                }
            }
        });
        Ok(shutdown)
    }

    #[must_use]
    pub fn by_hand() -> (Trigger, Self) {
        let (sender, receiver) = watch::channel(Step::Run);
        (Trigger { step: sender }, Self { step: receiver })
    }

    /// Resolves at the first step.
    pub async fn stop(&mut self) {
        self.reached(Step::Stop).await;
    }

    /// Resolves at the second step.
    pub async fn now(&mut self) {
        self.reached(Step::Now).await;
    }

    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.step.borrow() >= Step::Stop
    }

    async fn reached(&mut self, step: Step) {
        if self.step.wait_for(|at| *at >= step).await.is_err() {
            // Whoever could have stopped this is gone, so it will not be stopped.
            std::future::pending::<()>().await;
        }
    }
}

impl Trigger {
    /// First `stop`, then `now`.
    pub fn next(&self) {
        self.step.send_modify(|step| {
            *step = if *step == Step::Run { Step::Stop } else { Step::Now };
        });
    }
}

/// Asks a command to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, ctrl-c.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// Resolves when this process is asked to end; never where signals cannot be watched.
pub async fn asked_to_end() -> Signal {
    match Signals::listen() {
        Ok(mut signals) => signals.next().await,
        Err(_) => std::future::pending().await,
    }
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::SignalKind;
        use tokio::signal::unix::signal;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }
}

#[cfg(windows)]
struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
}

#[cfg(windows)]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    async fn next(&mut self) -> Signal {
        self.interrupt.recv().await;
        Signal::Interrupt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn two_steps_in_order() {
        let (trigger, mut shutdown) = Shutdown::by_hand();
        let mut other = shutdown.clone();
        assert!(!shutdown.is_stopping());
        trigger.next();
        shutdown.stop().await;
        let soon = tokio::time::timeout(Duration::from_millis(5), other.now()).await;
        assert!(soon.is_err(), "one step is not two");
        trigger.next();
        trigger.next();
        other.now().await;
        assert!(shutdown.is_stopping());
    }
}
