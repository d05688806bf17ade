//! The way in which all other parts talk to the one owner of the scheduler.
//!
//! Limits: at most [`MAX_WAITING`] requests wait; a sender that finds the mailbox full waits for
//! [`SEND_TIMEOUT`] and then gets "busy". Promise: a reply is given only after every fact that it
//! depends on is durable.

use crate::domain::id::{Epoch, WorkerId};
use crate::domain::time::Timestamp;
use crate::scheduler::engine::{ClaimId, Input, Reply, Tickets};
use crate::scheduler::{Answer, Command, Delivery, Rejected, Scheduler};
use crate::sys::ids;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Maximum number of requests that wait for the scheduler.
pub const MAX_WAITING: usize = 4096;
/// Time for which a request waits for a place in the mailbox.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// The reason why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
    #[error(transparent)]
    Rejected(#[from] Rejected),
    #[error("too many requests are waiting")]
    Busy,
    #[error("the coordinator is stopping")]
    Stopping,
    #[error("the event log cannot be written")]
    NotStored,
}

pub(crate) type Request = Input<Senders>;

/// The senders by which the replies of the engine reach the askers.
pub(crate) struct Senders;

impl Tickets for Senders {
    type Command = oneshot::Sender<Result<Answer, MailboxError>>;
    type Claim = oneshot::Sender<Result<Delivery, MailboxError>>;
    type Finding = Box<dyn FnOnce(Result<(), MailboxError>) + Send>;

    fn is_abandoned(claim: &Self::Claim) -> bool {
        claim.is_closed()
    }
}

/// Gives a reply, or the reason why its facts are not stored. An asker that has gone is ignored.
pub(crate) fn give(reply: Reply<Senders>, stored: Result<(), MailboxError>) {
    match reply {
        Reply::Answer(sender, answer) => drop(sender.send(stored.and(answer.map_err(Into::into)))),
        Reply::Delivery(sender, delivery) => {
            drop(sender.send(stored.and(delivery.map_err(Into::into))));
        }
        Reply::Finding(send) => send(stored),
    }
}

/// The sending end; cheap to clone.
#[derive(Clone)]
pub struct Mailbox {
    sender: mpsc::Sender<Request>,
}

impl Mailbox {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Request>) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        (Self { sender }, receiver)
    }

    /// Number of requests that wait now.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.sender.max_capacity() - self.sender.capacity()
    }

    /// Waits until the scheduler has ended.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// The scheduler refuses the command; also see [`MailboxError`].
    pub async fn act(&self, command: Command) -> Result<Answer, MailboxError> {
        let (ticket, answer) = oneshot::channel();
        self.send(Input::Command { command, ticket }).await?;
        answer.await.map_err(|_| MailboxError::Stopping)?
    }

    /// Waits up to `wait` for notices to a worker; the delivery is empty when there are none. `received` is
    /// the latest notice that the worker has, and `takes_tests` whether it takes new tests.
    ///
    /// # Errors
    /// The scheduler refuses the claim; also see [`MailboxError`].
    pub async fn claim(
        &self,
        worker: WorkerId,
        incarnation: Uuid,
        (received, takes_tests): (Epoch, bool),
        wait: Duration,
    ) -> Result<Delivery, MailboxError> {
        let claim = ClaimId { worker, number: ids::new_id() };
        let (ticket, mut answer) = oneshot::channel();
        self.send(Input::Claim { claim, incarnation, received, takes_tests, ticket }).await?;
        if let Ok(answer) = tokio::time::timeout(wait, &mut answer).await {
            return answer.map_err(|_| MailboxError::Stopping)?;
        }
        self.send(Input::EndClaim(claim)).await?;
        answer.await.map_err(|_| MailboxError::Stopping)?
    }

    /// Reads the state. `question` runs on the thread of the scheduler, so it must be short.
    ///
    /// # Errors
    /// See [`MailboxError`].
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Scheduler, Timestamp) -> T + Send + 'static,
    ) -> Result<T, MailboxError> {
        let (sender, answer) = oneshot::channel();
        let question = Box::new(move |scheduler: &Scheduler, now| {
            let finding = question(scheduler, now);
            let send = move |stored: Result<(), MailboxError>| {
                drop(sender.send(stored.map(|()| finding)));
            };
            Box::new(send) as <Senders as Tickets>::Finding
        });
        self.send(Input::Question(question)).await?;
        answer.await.map_err(|_| MailboxError::Stopping)?
    }

    /// Requests a snapshot of the state. Does not wait.
    ///
    /// # Errors
    /// See [`MailboxError`].
    pub fn request_snapshot(&self) -> Result<(), MailboxError> {
        use mpsc::error::TrySendError;
        self.sender.try_send(Input::Snapshot).map_err(|error| match error {
            TrySendError::Full(_) => MailboxError::Busy,
            TrySendError::Closed(_) => MailboxError::Stopping,
        })
    }

    pub(crate) async fn send(&self, request: Request) -> Result<(), MailboxError> {
        use mpsc::error::SendTimeoutError;
        self.sender.send_timeout(request, SEND_TIMEOUT).await.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => MailboxError::Busy,
            SendTimeoutError::Closed(_) => MailboxError::Stopping,
        })
    }
}
