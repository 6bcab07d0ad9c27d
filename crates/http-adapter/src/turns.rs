//! Turns: what one account or one address does at once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Those who do something, each with a queue of its own: one who sends many requests waits behind its own, and
/// the others do not.
pub(crate) struct Turns<K> {
    queues: Queues<K>,
    /// The requests of one that are under way at once.
    at_once: usize,
    /// The requests of one that are under way or wait for it.
    most: usize,
}

type Queues<K> = Arc<Mutex<HashMap<K, Queue>>>;

struct Queue {
    turns: Arc<Semaphore>,
    /// The requests under way and those that wait.
    len: usize,
}

/// A place in a queue, and its turn.
pub(crate) struct Turn<K: Eq + Hash> {
    _place: Place<K>,
    _turn: Option<OwnedSemaphorePermit>,
}

struct Place<K: Eq + Hash> {
    queues: Queues<K>,
    key: K,
}

impl<K: Clone + Eq + Hash> Turns<K> {
    /// Lets so many requests of one run at once, of at most so many.
    pub(crate) fn new(at_once: usize, most: usize) -> Self {
        Self { queues: Arc::default(), at_once, most }
    }

    /// Waits for a turn, in the order of the calls; `None` when too many wait already.
    pub(crate) async fn wait(&self, key: K) -> Option<Turn<K>> {
        let (turns, place) = self.enqueue(key)?;
        // The semaphore is never closed.
        Some(Turn { _place: place, _turn: turns.acquire_owned().await.ok() })
    }

    fn enqueue(&self, key: K) -> Option<(Arc<Semaphore>, Place<K>)> {
        let mut queues = locked(&self.queues);
        let new = || Queue { turns: Arc::new(Semaphore::new(self.at_once)), len: 0 };
        let queue = queues.entry(key.clone()).or_insert_with(new);
        if queue.len >= self.most {
            return None;
        }
        queue.len += 1;
        Some((Arc::clone(&queue.turns), Place { queues: Arc::clone(&self.queues), key }))
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut queues = locked(&self.queues);
        if let Some(queue) = queues.get_mut(&self.key) {
            queue.len = queue.len.saturating_sub(1);
            if queue.len == 0 {
                queues.remove(&self.key);
            }
        }
    }
}

fn locked<K>(queues: &Mutex<HashMap<K, Queue>>) -> MutexGuard<'_, HashMap<K, Queue>> {
    queues.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use labgate_domain::people::AccountId;

    use super::*;

    const AT_ONCE: usize = 2;
    const WAITING: usize = 16;

    fn account(number: u8) -> AccountId {
        AccountId::parse(&format!("01890000-0000-7000-8000-0000000000{number:02x}")).unwrap()
    }

    async fn is_ready<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
        poll_fn(|context| {
            Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
                Poll::Ready(value) => Some(value),
                Poll::Pending => None,
            })
        })
        .await
    }

    #[tokio::test]
    async fn f08_one_account_waits_behind_itself_and_no_other_behind_it() {
        let turns = Turns::new(AT_ONCE, WAITING);
        let (first, second) = (turns.wait(account(1)).await.unwrap(), turns.wait(account(1)).await.unwrap());
        let (mut third, mut fourth) = (pin!(turns.wait(account(1))), pin!(turns.wait(account(1))));
        assert!(is_ready(&mut third).await.is_none() && is_ready(&mut fourth).await.is_none());
        assert!(turns.wait(account(2)).await.is_some());
        drop(second);
        let third = is_ready(&mut third).await.unwrap().unwrap();
        assert!(is_ready(&mut fourth).await.is_none(), "in their order");
        drop((first, third));
        assert!(is_ready(&mut fourth).await.unwrap().is_some());
        assert!(locked(&turns.queues).is_empty(), "nothing is remembered");
    }

    #[tokio::test]
    async fn f08_of_300_changes_at_once_most_are_refused_and_none_is_remembered() {
        let turns = Turns::new(AT_ONCE, WAITING);
        let mut waiting: Vec<_> = (0..300).map(|_| Box::pin(turns.wait(account(1)))).collect();
        let mut refused = 0;
        let mut taken = Vec::new();
        for wait in &mut waiting {
            match is_ready(wait).await {
                Some(None) => refused += 1,
                Some(turn) => taken.push(turn),
                None => {}
            }
        }
        assert_eq!((taken.len(), refused), (AT_ONCE, 300 - WAITING));
        drop((waiting, taken));
        assert!(locked(&turns.queues).is_empty());
    }
}
