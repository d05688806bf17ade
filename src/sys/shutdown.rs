//! Shutdown of this process in two steps: first "finish the current work", then "stop now".
//!
//! Each SIGTERM or SIGINT (Ctrl-C) takes the next step; a third signal has no effect. Every task
//! that waits holds a clone of [`Shutdown`].

use crate::sys::spawn::Tasks;
use std::io;
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Run,
    Stop,
    Now,
}

/// Reports when this process must stop. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Shutdown {
    step: watch::Receiver<Step>,
}

/// Takes the steps without a signal: for tests, and for a role that runs inside another.
#[derive(Debug, Clone)]
pub struct Trigger {
    step: watch::Sender<Step>,
}

impl Shutdown {
    /// Takes a step at each signal to this process from now on.
    ///
    /// # Errors
    /// The signal handlers cannot be installed.
    pub fn on_signals(tasks: &mut Tasks) -> io::Result<Self> {
        let (trigger, shutdown) = Self::manual();
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

    /// Takes a step at each call of [`Trigger::next`].
    #[must_use]
    pub fn manual() -> (Trigger, Self) {
        let (sender, receiver) = watch::channel(Step::Run);
        (Trigger { step: sender }, Self { step: receiver })
    }

    /// Completes at the first step.
    pub async fn stop(&mut self) {
        self.reached(Step::Stop).await;
    }

    /// Completes at the second step.
    pub async fn now(&mut self) {
        self.reached(Step::Now).await;
    }

    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.step.borrow() >= Step::Stop
    }

    async fn reached(&mut self, step: Step) {
        if self.step.wait_for(|at| *at >= step).await.is_err() {
            // The trigger was dropped, so no step follows.
            std::future::pending::<()>().await;
        }
    }
}

impl Trigger {
    /// Takes the next step: first `stop`, then `now`.
    pub fn next(&self) {
        self.step.send_modify(|step| {
            *step = if *step == Step::Run { Step::Stop } else { Step::Now };
        });
    }
}

/// A signal that asks a command to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, as from Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// Completes when this process receives a signal to end; never if signals cannot be received.
pub async fn shutdown_signal() -> Signal {
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
        let (trigger, mut shutdown) = Shutdown::manual();
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
