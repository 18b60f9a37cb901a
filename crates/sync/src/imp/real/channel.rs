//! Channels of crossbeam.

use std::time::Duration;

use crossbeam::channel;

use crate::channel::{RecvError, TryRecvError, TrySendError};

pub(crate) struct Sender<T>(channel::Sender<T>);
pub(crate) struct Receiver<T>(channel::Receiver<T>);

/// `capacity` is at least 1.
pub(crate) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = channel::bounded(capacity);
    (Sender(sender), Receiver(receiver))
}

pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = channel::unbounded();
    (Sender(sender), Receiver(receiver))
}

impl<T> Sender<T> {
    pub(crate) fn send(&self, value: T) -> Result<(), T> {
        self.0.send(value).map_err(channel::SendError::into_inner)
    }

    pub(crate) fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(value).map_err(|error| match error {
            channel::TrySendError::Full(value) => TrySendError::Full(value),
            channel::TrySendError::Disconnected(value) => TrySendError::Disconnected(value),
        })
    }
}

impl<T> Receiver<T> {
    pub(crate) fn recv(&self) -> Result<T, RecvError> {
        self.0.recv().map_err(|_| RecvError)
    }

    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv().map_err(|error| match error {
            channel::TryRecvError::Empty => TryRecvError::Empty,
            channel::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    pub(crate) fn recv_timeout(&self, limit: Duration) -> Result<T, TryRecvError> {
        self.0.recv_timeout(limit).map_err(|error| match error {
            channel::RecvTimeoutError::Timeout => TryRecvError::Empty,
            channel::RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
        })
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
