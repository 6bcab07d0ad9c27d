use std::sync::mpsc::{Sender, channel};

use labgate_domain::ports::Source;
use tokio::task::{JoinHandle, yield_now};

use super::*;

pub(crate) fn share(name: &str, address: &str) -> Share {
    Share::of_name(name, Source::of(address.parse().unwrap()))
}

/// A pool of one core, on which a job runs until it is told to end.
pub(crate) async fn occupied() -> (WorkPool, Sender<()>, JoinHandle<Result<(), HashingError>>) {
    let pool = WorkPool::with_cores(1);
    let (end, ended) = channel::<()>();
    let running = spawn(&pool, share("first", "203.0.113.1"), move || {
        let _ = ended.recv();
    });
    settle().await;
    (pool, end, running)
}

/// Has jobs of other people fill the queue, each from an address of its own.
pub(crate) async fn fill(pool: &WorkPool) -> Vec<JoinHandle<Result<(), HashingError>>> {
    let jobs = (0..MAX_WAITING)
        .map(|number| spawn(pool, share(&format!("name{number}"), &format!("198.51.100.{number}")), || {}))
        .collect();
    settle().await;
    assert_eq!(pool.0.queue().waiting, MAX_WAITING);
    jobs
}

/// Lets every task run until it waits.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

fn spawn(
    pool: &WorkPool,
    share: Share,
    work: impl FnOnce() + Send + 'static,
) -> JoinHandle<Result<(), HashingError>> {
    let pool = pool.clone();
    tokio::spawn(async move { pool.run(share, work).await })
}

fn is_empty(pool: &WorkPool) -> bool {
    let queue = pool.0.queue();
    queue.running == 0 && queue.waiting == 0 && queue.places.is_empty() && queue.lines.is_empty()
}

#[tokio::test]
async fn f07_the_next_free_core_goes_to_each_source_in_turn() {
    let (pool, end, running) = occupied().await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut jobs = Vec::new();
    for (name, address) in [
        // One IPv6 customer with many networks, a neighbourhood behind one address, a person elsewhere.
        ("a1", "2001:db8:1:1::1"),
        ("a2", "2001:db8:1:2::1"),
        ("a3", "2001:db8:1:3::1"),
        ("b1", "192.0.2.1"),
        ("b2", "192.0.2.1"),
        ("c1", "192.0.2.9"),
    ] {
        let order = Arc::clone(&order);
        jobs.push(spawn(&pool, share(name, address), move || order.lock().unwrap().push(name)));
        settle().await;
    }
    end.send(()).unwrap();
    running.await.unwrap().unwrap();
    for job in jobs {
        job.await.unwrap().unwrap();
    }
    assert_eq!(*order.lock().unwrap(), ["a1", "b1", "c1", "a2", "b2", "a3"]);
    assert!(is_empty(&pool));
}

#[tokio::test]
async fn f07_a_name_has_four_places_wherever_it_comes_from() {
    let (pool, end, running) = occupied().await;
    let of_ada: Vec<_> =
        (0..96).map(|number| spawn(&pool, share("ada", &format!("192.0.2.{number}")), || {})).collect();
    let of_bob = spawn(&pool, share("bob", "192.0.2.1"), || {});
    settle().await;
    assert_eq!(pool.0.queue().waiting, MAX_OF_SUBJECT + 1);
    end.send(()).unwrap();
    running.await.unwrap().unwrap();
    let mut done = 0;
    for job in of_ada {
        done += usize::from(job.await.unwrap() == Ok(()));
    }
    assert_eq!(done, MAX_OF_SUBJECT);
    assert_eq!(of_bob.await.unwrap(), Ok(()));
    assert!(is_empty(&pool));
}

#[tokio::test]
async fn f07_whoever_fills_the_queue_gives_way_to_a_newcomer() {
    let (pool, end, running) = occupied().await;
    let flood: Vec<_> =
        (0..200).map(|number| spawn(&pool, share(&format!("name{number}"), "192.0.2.1"), || {})).collect();
    settle().await;
    let newcomer = spawn(&pool, share("ada", "192.0.2.2"), || {});
    settle().await;
    assert_eq!(pool.0.queue().waiting, MAX_WAITING);
    end.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert_eq!(newcomer.await.unwrap(), Ok(()));
    let mut outcomes = Vec::new();
    for job in flood {
        outcomes.push(job.await.unwrap());
    }
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(done, MAX_WAITING - 1, "one of them gave way, the rest of them found no place");
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(HashingError::Busy))));
    assert!(is_empty(&pool));
}

#[tokio::test]
async fn c175_a_full_queue_of_many_turns_the_next_away_at_once() {
    let (pool, end, running) = occupied().await;
    let waiting = fill(&pool).await;
    let late = pool.run(share("ada", "192.0.2.1"), || {}).await;
    assert_eq!(late, Err(HashingError::Busy));
    end.send(()).unwrap();
    running.await.unwrap().unwrap();
    for job in waiting {
        assert_eq!(job.await.unwrap(), Ok(()));
    }
    assert!(is_empty(&pool));
}

#[tokio::test]
async fn a_request_that_is_given_up_leaves_its_place() {
    let (pool, end, running) = occupied().await;
    let given_up = spawn(&pool, share("ada", "192.0.2.1"), || panic!("nobody waits for it"));
    settle().await;
    assert_eq!(pool.0.queue().waiting, 1);
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    assert_eq!(pool.0.queue().waiting, 0);
    end.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(is_empty(&pool));
}

#[tokio::test]
async fn a_job_that_panics_leaves_its_core() {
    let pool = WorkPool::with_cores(1);
    let failed: Result<(), _> = pool.run(share("ada", "192.0.2.1"), || panic!("a bug")).await;
    assert_eq!(failed, Err(HashingError::Failed));
    assert_eq!(pool.run(share("ada", "192.0.2.1"), || 1).await, Ok(1));
    assert!(is_empty(&pool));
}

#[tokio::test]
async fn the_memory_is_given_back_when_nothing_is_left_to_do() {
    let (pool, end, running) = occupied().await;
    pool.memory().put_back(Vec::new());
    let next = spawn(&pool, share("ada", "192.0.2.1"), || {});
    settle().await;
    assert_eq!(pool.memory().idle().len(), 1);
    end.send(()).unwrap();
    running.await.unwrap().unwrap();
    next.await.unwrap().unwrap();
    assert_eq!(pool.memory().idle().len(), 0);
}
