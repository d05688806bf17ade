//! How everybody else talks to the one owner of the scheduler.
//!
//! Limits: [`MAILBOX`] requests wait at a time; who finds it full waits [`PATIENCE`] and
//! is then told that the coordinator is busy. Promise: an answer is given only after
//! everything that it stands on is durable.

use crate::domain::id::{Epoch, WorkerId};
use crate::domain::time::Timestamp;
use crate::scheduler::{Answer, Command, Delivery, Rejected, Scheduler};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Most requests that wait for the scheduler.
pub const MAILBOX: usize = 4096;
/// How long a request waits for a place in the mailbox.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    #[error(transparent)]
    Rejected(#[from] Rejected),
    #[error("too many requests wait already")]
    Busy,
    #[error("the coordinator is stopping")]
    Stopping,
    #[error("the event log cannot be written")]
    NotStored,
}

pub(crate) type AnswerSender = oneshot::Sender<Result<Answer, Failed>>;
pub(crate) type ClaimSender = oneshot::Sender<Result<Delivery, Failed>>;
/// Looks at the state and returns what to do with the finding once it may be told.
pub(crate) type Question =
    Box<dyn FnOnce(&Scheduler, Timestamp) -> Box<dyn FnOnce(Result<(), Failed>) + Send> + Send>;

pub(crate) enum Request {
    Act {
        command: Command,
        reply: AnswerSender,
    },
    Claim {
        ticket: Ticket,
        received: Epoch,
        incarnation: Uuid,
        reply: ClaimSender,
    },
    /// The claim has waited long enough: answer with whatever there is.
    EndClaim(Ticket),
    Ask(Question),
    Tick,
    /// Take nothing further.
    Stop,
}

/// Names one open claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub worker: WorkerId,
    pub number: Uuid,
}

/// An answer that waits until what it stands on is durable.
pub(crate) enum Release {
    Answer(AnswerSender, Result<Answer, Failed>),
    Claim(ClaimSender, Result<Delivery, Failed>),
    Finding(Box<dyn FnOnce(Result<(), Failed>) + Send>),
}

impl Release {
    /// Who has gone meanwhile is not missed.
    pub fn give(self, stored: Result<(), Failed>) {
        match self {
            Release::Answer(reply, answer) => drop(reply.send(stored.and(answer))),
            Release::Claim(reply, delivery) => drop(reply.send(stored.and(delivery))),
            Release::Finding(tell) => tell(stored),
        }
    }
}

/// The sending end; cheap to clone.
#[derive(Debug, Clone)]
pub struct Mailbox {
    sender: mpsc::Sender<Request>,
}

impl Mailbox {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Request>) {
        let (sender, receiver) = mpsc::channel(MAILBOX);
        (Self { sender }, receiver)
    }

    /// Requests that wait now.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.sender.max_capacity() - self.sender.capacity()
    }

    /// # Errors
    /// Refused by the scheduler, or see [`Failed`].
    pub async fn act(&self, command: Command) -> Result<Answer, Failed> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Act { command, reply }).await?;
        answer.await.map_err(|_| Failed::Stopping)?
    }

    /// Waits up to `wait` for news for a worker; none is an empty delivery.
    ///
    /// # Errors
    /// Refused by the scheduler, or see [`Failed`].
    pub async fn claim(
        &self,
        worker: WorkerId,
        incarnation: Uuid,
        received: Epoch,
        wait: Duration,
    ) -> Result<Delivery, Failed> {
        let ticket = Ticket { worker, number: crate::sys::ids::new_id() };
        let (reply, mut answer) = oneshot::channel();
        self.send(Request::Claim { ticket, received, incarnation, reply }).await?;
        if let Ok(answer) = tokio::time::timeout(wait, &mut answer).await {
            return answer.map_err(|_| Failed::Stopping)?;
        }
        self.send(Request::EndClaim(ticket)).await?;
        answer.await.map_err(|_| Failed::Stopping)?
    }

    /// Asks about the state. `question` runs on the owner's thread: keep it short.
    ///
    /// # Errors
    /// See [`Failed`].
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Scheduler, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Failed> {
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |scheduler, now| {
            let found = question(scheduler, now);
            Box::new(move |stored| drop(reply.send(stored.map(|()| found))))
        });
        self.send(Request::Ask(question)).await?;
        answer.await.map_err(|_| Failed::Stopping)?
    }

    pub(crate) async fn send(&self, request: Request) -> Result<(), Failed> {
        use mpsc::error::SendTimeoutError;
        self.sender.send_timeout(request, PATIENCE).await.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => Failed::Busy,
            SendTimeoutError::Closed(_) => Failed::Stopping,
        })
    }
}
