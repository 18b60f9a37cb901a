//! Channels with many ends, from a lock and two conditions.

use std::collections::VecDeque;
use std::time::Duration;

use super::condvar::Condvar;
use super::lock::Mutex;
use crate::Arc;
use crate::channel::{RecvError, TryRecvError, TrySendError};

struct Queue<T> {
    values: VecDeque<T>,
    capacity: usize,
    senders: usize,
    receivers: usize,
}

struct Channel<T> {
    queue: Mutex<Queue<T>>,
    /// A value came, or the last sender went.
    filled: Condvar,
    /// A value went, or the last receiver did.
    drained: Condvar,
}

pub(crate) struct Sender<T>(Arc<Channel<T>>);
pub(crate) struct Receiver<T>(Arc<Channel<T>>);

pub(crate) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let queue = Queue { values: VecDeque::new(), capacity, senders: 1, receivers: 1 };
    let channel = Arc::new(Channel {
        queue: Mutex::new(queue),
        filled: Condvar::new(),
        drained: Condvar::new(),
    });
    (Sender(Arc::clone(&channel)), Receiver(channel))
}

pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    bounded(usize::MAX)
}

impl<T> Queue<T> {
    fn push(&mut self, value: T) -> Result<(), TrySendError<T>> {
        if self.receivers == 0 {
            return Err(TrySendError::Disconnected(value));
        }
        if self.values.len() >= self.capacity {
            return Err(TrySendError::Full(value));
        }
        self.values.push_back(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<T, TryRecvError> {
        match self.values.pop_front() {
            Some(value) => Ok(value),
            None if self.senders == 0 => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }
}

impl<T> Sender<T> {
    pub(crate) fn send(&self, mut value: T) -> Result<(), T> {
        let mut queue = self.0.queue.lock();
        loop {
            match queue.push(value) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(back)) => return Err(back),
                Err(TrySendError::Full(back)) => value = back,
            }
            self.0.drained.wait(&mut queue);
        }
        drop(queue);
        self.0.filled.notify_one();
        Ok(())
    }

    pub(crate) fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.0.queue.lock().push(value)?;
        self.0.filled.notify_one();
        Ok(())
    }
}

impl<T> Receiver<T> {
    pub(crate) fn recv(&self) -> Result<T, RecvError> {
        let mut queue = self.0.queue.lock();
        let value = loop {
            match queue.pop() {
                Ok(value) => break value,
                Err(TryRecvError::Disconnected) => return Err(RecvError),
                Err(TryRecvError::Empty) => self.0.filled.wait(&mut queue),
            }
        };
        drop(queue);
        self.0.drained.notify_one();
        Ok(value)
    }

    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        let value = self.0.queue.lock().pop()?;
        self.0.drained.notify_one();
        Ok(value)
    }

    pub(crate) fn recv_timeout(&self, limit: Duration) -> Result<T, TryRecvError> {
        let mut queue = self.0.queue.lock();
        let mut value = queue.pop();
        if matches!(value, Err(TryRecvError::Empty)) {
            self.0.filled.wait_timeout(&mut queue, limit);
            value = queue.pop();
        }
        drop(queue);
        self.0.drained.notify_one();
        value
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.queue.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.0.queue.lock().receivers += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let last = {
            let mut queue = self.0.queue.lock();
            queue.senders -= 1;
            queue.senders == 0
        };
        if last {
            self.0.filled.notify_all();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let last = {
            let mut queue = self.0.queue.lock();
            queue.receivers -= 1;
            queue.receivers == 0
        };
        if last {
            self.0.drained.notify_all();
        }
    }
}
