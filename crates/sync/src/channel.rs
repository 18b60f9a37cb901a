//! Channels: many senders, many receivers, each value to one of them.
//!
//! Do not block on a channel with a lock held that the other end may need: the rank checker does
//! not see channels, the explorer does.

use std::fmt;
use std::time::Duration;

use crate::imp;

/// The sending end. Clones share the channel.
pub struct Sender<T>(imp::Sender<T>);

/// The receiving end. Clones share the channel and compete for values.
pub struct Receiver<T>(imp::Receiver<T>);

/// All receivers are gone; here is the value back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Why a value was not taken at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The channel is full.
    Full(T),
    /// All receivers are gone.
    Disconnected(T),
}

/// All senders are gone and the channel is empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecvError;

/// Why there was no value at once, or in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TryRecvError {
    /// The channel is empty (still, when the time is over).
    Empty,
    /// The channel is empty and all senders are gone.
    Disconnected,
}

/// A channel that holds at most `capacity` values (at least one); sending to a full one waits.
#[must_use]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = imp::bounded(capacity.max(1));
    (Sender(sender), Receiver(receiver))
}

/// A channel that grows as needed; sending never waits.
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = imp::unbounded();
    (Sender(sender), Receiver(receiver))
}

impl<T> Sender<T> {
    /// Sends, waiting while the channel is full.
    ///
    /// # Errors
    /// [`SendError`] with the value if nobody can receive it.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.0.send(value).map_err(SendError)
    }

    /// Sends if that can be done at once.
    ///
    /// # Errors
    /// [`TrySendError`] with the value if not.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(value)
    }
}

impl<T> Receiver<T> {
    /// Waits for a value.
    ///
    /// # Errors
    /// [`RecvError`] if none can come any more.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.0.recv()
    }

    /// Takes a value if one is there.
    ///
    /// # Errors
    /// [`TryRecvError`] if not.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv()
    }

    /// Waits for a value for at most `limit`.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`] if none came in time, or `Disconnected`.
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, TryRecvError> {
        self.0.recv_timeout(limit)
    }

    /// Values until all senders are gone, waiting for each.
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| self.recv().ok())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::Disconnected(_) => "Disconnected",
        })
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all receivers of the channel are gone")
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all senders of the channel are gone")
    }
}

impl<T> std::error::Error for SendError<T> {}
impl std::error::Error for RecvError {}
