//! Turns: the changes that one account makes at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use labgate_domain::people::AccountId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The changes of one account that are under way at once. All accounts share the one writer of the database:
/// an account that sends many changes waits behind its own, and the others do not.
const AT_ONCE: usize = 2;

/// The changes of one account that are under way or wait for it.
const WAITING: usize = 16;

/// The accounts that are changing something.
#[derive(Default)]
pub(crate) struct Turns(Arc<Mutex<HashMap<AccountId, Queue>>>);

struct Queue {
    turns: Arc<Semaphore>,
    /// The changes under way and those that wait.
    len: usize,
}

/// A place in the queue of an account, and its turn.
pub(crate) struct Turn {
    _place: Place,
    _turn: Option<OwnedSemaphorePermit>,
}

struct Place {
    queues: Arc<Mutex<HashMap<AccountId, Queue>>>,
    account: AccountId,
}

impl Turns {
    /// Waits for the account's turn, in the order of the calls; `None` when too many wait already.
    pub(crate) async fn wait(&self, account: AccountId) -> Option<Turn> {
        let (turns, place) = self.enqueue(account)?;
        // The semaphore is never closed.
        Some(Turn { _place: place, _turn: turns.acquire_owned().await.ok() })
    }

    fn enqueue(&self, account: AccountId) -> Option<(Arc<Semaphore>, Place)> {
        let mut queues = locked(&self.0);
        let queue = queues
            .entry(account)
            .or_insert_with(|| Queue { turns: Arc::new(Semaphore::new(AT_ONCE)), len: 0 });
        if queue.len >= WAITING {
            return None;
        }
        queue.len += 1;
        Some((Arc::clone(&queue.turns), Place { queues: Arc::clone(&self.0), account }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queues = locked(&self.queues);
        if let Some(queue) = queues.get_mut(&self.account) {
            queue.len = queue.len.saturating_sub(1);
            if queue.len == 0 {
                queues.remove(&self.account);
            }
        }
    }
}

fn locked(queues: &Mutex<HashMap<AccountId, Queue>>) -> MutexGuard<'_, HashMap<AccountId, Queue>> {
    queues.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

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
        let turns = Turns::default();
        let (first, second) = (turns.wait(account(1)).await.unwrap(), turns.wait(account(1)).await.unwrap());
        let (mut third, mut fourth) = (pin!(turns.wait(account(1))), pin!(turns.wait(account(1))));
        assert!(is_ready(&mut third).await.is_none() && is_ready(&mut fourth).await.is_none());
        assert!(turns.wait(account(2)).await.is_some());
        drop(second);
        let third = is_ready(&mut third).await.unwrap().unwrap();
        assert!(is_ready(&mut fourth).await.is_none(), "in their order");
        drop((first, third));
        assert!(is_ready(&mut fourth).await.unwrap().is_some());
        assert!(locked(&turns.0).is_empty(), "nothing is remembered");
    }

    #[tokio::test]
    async fn f08_of_300_changes_at_once_most_are_refused_and_none_is_remembered() {
        let turns = Turns::default();
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
        assert!(locked(&turns.0).is_empty());
    }
}
