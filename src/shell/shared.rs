//! What several hold together: made by the first of them, and gone with the last.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// A panic while the lock was held leaves whole values behind, so its poison means nothing.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Values by name, each for as long as somebody holds it.
pub struct Shared<T>(Mutex<HashMap<String, Weak<T>>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Shared<T> {
    /// The value of that name, made where nobody holds one.
    pub fn of(&self, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let mut known = lock(&self.0);
        if let Some(held) = known.get(name).and_then(Weak::upgrade) {
            return held;
        }
        known.retain(|_, held| held.strong_count() > 0);
        let new = Arc::new(make());
        known.insert(name.to_owned(), Arc::downgrade(&new));
        new
    }

    /// The names of which anything is kept.
    #[cfg(test)]
    pub fn names(&self) -> Vec<String> {
        lock(&self.0).keys().cloned().collect()
    }
}
