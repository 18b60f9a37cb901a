//! Tasks, and what the facade keeps for each of them.

/// Tests explore two or more threads; more shards than that only hide collisions.
pub(crate) fn available_parallelism() -> usize {
    2
}

pub(crate) fn current_task_id() -> u64 {
    let id: usize = shuttle::thread::current().id().into();
    u64::try_from(id).unwrap_or(u64::MAX)
}

/// Calls `with` with this task's stack of held ranks; `None` while the task is torn down.
#[cfg(debug_assertions)]
pub(crate) fn held_stack<R>(with: impl FnOnce(&crate::rank::Stack) -> R) -> Option<R> {
    shuttle::thread_local! {
        static HELD: crate::rank::Stack = std::cell::RefCell::new(Vec::new());
    }
    shuttle::current::try_get_current_task()?;
    HELD.try_with(with).ok()
}
