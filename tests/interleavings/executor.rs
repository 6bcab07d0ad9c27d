//! An executor that stops at each call of a port, and goes on in every order.

use std::cell::RefCell;
use std::collections::HashSet;
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// What happens to a call of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fate {
    /// It works.
    Works,
    /// It fails and has no effect.
    FailsBefore,
    /// It has its effect, and the answer is lost.
    FailsAfter,
}

/// A call at which a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Call {
    pub(super) name: &'static str,
    /// How it may fail.
    pub(super) failures: &'static [Fate],
}

/// What lies between the executor and the task that it polls.
#[derive(Default)]
struct Desk {
    stands_at: Option<Call>,
    fate: Option<Fate>,
    seen: u64,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

/// Stops before a call, until the executor says how it goes.
pub(super) async fn stop_at(call: Call) -> Fate {
    let mut has_stopped = false;
    poll_fn(|_| {
        DESK.with_borrow_mut(|desk| {
            if has_stopped && let Some(fate) = desk.fate.take() {
                return Poll::Ready(fate);
            }
            has_stopped = true;
            desk.stands_at = Some(call);
            Poll::Pending
        })
    })
    .await
}

/// Notes what a call told its task: two tasks that were told the same go on alike.
pub(super) fn told(answer: &impl Hash) {
    DESK.with_borrow_mut(|desk| desk.seen = hash(&(desk.seen, hash(answer))));
}

/// A use case under way.
pub(super) struct Task<A> {
    future: Option<Pin<Box<dyn Future<Output = A>>>>,
    stands_at: Option<Call>,
    /// The answer, and the number of steps of all tasks before it.
    pub(super) answer: Option<(A, usize)>,
    /// Of all that it has seen: tasks with the same history go on alike.
    history: u64,
    /// The failure that it has met.
    pub(super) failure: Option<(Call, Fate)>,
}

impl<A> Task<A> {
    pub(super) fn new(future: impl Future<Output = A> + 'static) -> Self {
        let mut task =
            Self { future: Some(Box::pin(future)), stands_at: None, answer: None, history: 0, failure: None };
        task.poll(None, 0);
        task
    }

    fn poll(&mut self, fate: Option<Fate>, step: usize) {
        let Some(future) = &mut self.future else { return };
        DESK.set(Desk { fate, ..Desk::default() });
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => {
                self.answer = Some((answer, step));
                (self.future, self.stands_at) = (None, None);
            }
            Poll::Pending => {
                self.stands_at = DESK.with_borrow(|desk| desk.stands_at);
                assert!(self.stands_at.is_some(), "a task waits for something that is no port");
            }
        }
        self.history = hash(&(self.history, fate, DESK.with_borrow(|desk| desk.seen)));
    }
}

/// A decision of the schedule: a task makes its call.
pub(super) type Decision = (usize, Fate);

/// The same beginning again and again.
pub(super) trait Scene {
    type Answer;
    /// Returns a digest of all state that the tasks share.
    fn digest(&self) -> u64;
    fn tasks(&mut self) -> &mut Vec<Task<Self::Answer>>;
}

/// Runs every order of calls, each with at most one failure if `with_failures`, and hands each end to `judge`
/// with the decisions that led to it. Returns the number of ends.
///
/// Two beginnings in which every task has seen the same and the shared state is the same go on alike: only
/// one of them is continued.
pub(super) fn explore<S: Scene>(
    begin: impl Fn() -> S,
    with_failures: bool,
    mut judge: impl FnMut(&mut S, &[Decision]),
) -> usize {
    let mut ends = 0;
    let mut known = HashSet::new();
    let mut to_do: Vec<Vec<Decision>> = vec![Vec::new()];
    while let Some(mut path) = to_do.pop() {
        let mut scene = begin();
        for (step, decision) in path.iter().enumerate() {
            take(&mut scene, *decision, step);
        }
        loop {
            let choices = choices(&mut scene, with_failures);
            let Some((now, later)) = choices.split_first() else {
                ends += 1;
                judge(&mut scene, &path);
                break;
            };
            if !known.insert(state(&mut scene)) {
                break;
            }
            for choice in later {
                to_do.push(path.iter().copied().chain([*choice]).collect());
            }
            take(&mut scene, *now, path.len());
            path.push(*now);
        }
    }
    ends
}

/// Takes a path once more, and tells of each call before it is made.
pub(super) fn replay<S: Scene>(scene: &mut S, path: &[Decision], mut tell: impl FnMut(usize, Call, Fate)) {
    for (step, decision) in path.iter().enumerate() {
        if let Some(call) = scene.tasks()[decision.0].stands_at {
            tell(decision.0, call, decision.1);
        }
        take(scene, *decision, step);
    }
}

/// Runs the tasks one after the other, to their ends.
pub(super) fn finish<S: Scene>(scene: &mut S) {
    let mut step = 0;
    while let Some(next) = choices(scene, false).first() {
        take(scene, *next, step);
        step += 1;
    }
}

fn take<S: Scene>(scene: &mut S, (number, fate): Decision, step: usize) {
    let task = &mut scene.tasks()[number];
    let call = task.stands_at.expect("the task stands at a call");
    if fate != Fate::Works {
        task.failure = Some((call, fate));
    }
    task.poll(Some(fate), step);
}

fn choices<S: Scene>(scene: &mut S, with_failures: bool) -> Vec<Decision> {
    let tasks = scene.tasks();
    let may_fail = with_failures && tasks.iter().all(|task| task.failure.is_none());
    let mut choices = Vec::new();
    for (number, task) in tasks.iter().enumerate() {
        let Some(call) = task.stands_at else { continue };
        choices.push((number, Fate::Works));
        if may_fail {
            choices.extend(call.failures.iter().map(|fate| (number, *fate)));
        }
    }
    choices
}

fn state<S: Scene>(scene: &mut S) -> u64 {
    let shared = scene.digest();
    let tasks: Vec<_> =
        scene.tasks().iter().map(|task| (task.history, task.failure, task.stands_at)).collect();
    hash(&(shared, tasks))
}

pub(super) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
