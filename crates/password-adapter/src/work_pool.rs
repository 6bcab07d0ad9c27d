use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use labgate_domain::ports::{HashingError, Share};
use tokio::sync::oneshot;

use crate::working_memory::WorkingMemory;

/// The one queue for all costly work on passwords: hashes and estimates of strength. It is worked off on all
/// cores but one, so the rest of the lab stays quick; and it is bounded, so memory is, too.
///
/// It is fair by [`Share`]: each subject has a few places, and the lines take turns for the next free core. When
/// the queue is full, a newcomer takes the last place of the longest line, so no line can fill it alone.
#[derive(Clone)]
pub struct WorkPool(Arc<Inner>);

struct Inner {
    cores: usize,
    queue: Mutex<Queue>,
    memory: Arc<WorkingMemory>,
}

#[derive(Default)]
struct Queue {
    running: usize,
    waiting: usize,
    jobs_so_far: u64,
    /// The places that each subject has, waiting and running.
    places: HashMap<String, usize>,
    /// In the order of their turns; each has a job.
    lines: VecDeque<Line>,
}

struct Line {
    name: String,
    jobs: VecDeque<Job>,
}

struct Job {
    number: u64,
    subject: String,
    start: oneshot::Sender<Place>,
}

/// The number of jobs that may wait for a core.
const MAX_WAITING: usize = 64;
/// The number of places of one subject.
const MAX_OF_SUBJECT: usize = 4;

impl Default for WorkPool {
    fn default() -> Self {
        Self::new()
    }
}

impl WorkPool {
    /// Builds a pool for this machine.
    #[must_use]
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::with_cores((cores - 1).max(1))
    }

    pub(crate) fn with_cores(cores: usize) -> Self {
        Self(Arc::new(Inner { cores, queue: Mutex::default(), memory: Arc::default() }))
    }

    /// The memory of the hashes. It is given back when nothing is left to do.
    pub(crate) fn memory(&self) -> Arc<WorkingMemory> {
        Arc::clone(&self.0.memory)
    }

    /// Runs a job on a thread of its own, when it is its turn.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        share: Share,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashingError> {
        let place = match self.enter(share)? {
            Entered::Running(place) => place,
            Entered::Waiting(mut waiting) => (&mut waiting.start).await.map_err(|_| HashingError::Busy)?,
        };
        // The place goes with the work: a request that is given up does not let another one in early.
        let done = tokio::task::spawn_blocking(move || {
            give_way_to_others();
            let result = work();
            drop(place);
            result
        });
        done.await.map_err(|_| HashingError::Failed)
    }

    fn enter(&self, Share { subject, line }: Share) -> Result<Entered, HashingError> {
        let mut queue = self.0.queue();
        let places = queue.places.get(&subject).copied().unwrap_or_default();
        if places >= MAX_OF_SUBJECT {
            return Err(HashingError::Busy);
        }
        if queue.running >= self.0.cores && queue.waiting >= MAX_WAITING && !queue.make_room_for(&line) {
            return Err(HashingError::Busy);
        }
        queue.places.insert(subject.clone(), places + 1);
        if queue.running < self.0.cores {
            queue.running += 1;
            return Ok(Entered::Running(Place { pool: self.clone(), subject }));
        }
        queue.jobs_so_far += 1;
        queue.waiting += 1;
        let (number, (start, started)) = (queue.jobs_so_far, oneshot::channel());
        let job = Job { number, subject, start };
        match queue.lines.iter_mut().find(|known| known.name == line) {
            Some(known) => known.jobs.push_back(job),
            None => queue.lines.push_back(Line { name: line, jobs: [job].into() }),
        }
        Ok(Entered::Waiting(Waiting { number, pool: self.clone(), start: started }))
    }

    /// Hands the core of a finished job on to the next one.
    fn leave(&self, subject: &str) {
        let next = {
            let mut queue = self.0.queue();
            queue.release(subject);
            let next = queue.next();
            if next.is_none() {
                queue.running -= 1;
                if queue.running == 0 {
                    self.0.memory.give_back();
                }
            }
            next
        };
        if let Some(Job { subject, start, .. }) = next {
            // A request that was given up at this moment does not take the place, which is then left again.
            drop(start.send(Place { pool: self.clone(), subject }));
        }
    }
}

impl Inner {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Takes the first job of the line whose turn it is; the line goes to the end.
    fn next(&mut self) -> Option<Job> {
        let mut line = self.lines.pop_front()?;
        let job = line.jobs.pop_front();
        if !line.jobs.is_empty() {
            self.lines.push_back(line);
        }
        self.waiting -= usize::from(job.is_some());
        job
    }

    /// Turns the last job of the longest line away, if this line would still be shorter.
    fn make_room_for(&mut self, line: &str) -> bool {
        let own = self.lines.iter().find(|known| known.name == line).map_or(0, |line| line.jobs.len());
        let longest = self.lines.iter_mut().max_by_key(|line| line.jobs.len());
        let Some(job) =
            longest.filter(|line| line.jobs.len() > own + 1).and_then(|line| line.jobs.pop_back())
        else {
            return false;
        };
        self.waiting -= 1;
        self.release(&job.subject);
        true
    }

    /// Removes a job that waits, if it still does.
    fn give_up(&mut self, number: u64) {
        for line in &mut self.lines {
            let Some(at) = line.jobs.iter().position(|job| job.number == number) else { continue };
            if let Some(job) = line.jobs.remove(at) {
                self.waiting -= 1;
                self.release(&job.subject);
            }
            break;
        }
        self.lines.retain(|line| !line.jobs.is_empty());
    }

    fn release(&mut self, subject: &str) {
        match self.places.get_mut(subject) {
            Some(places) if *places > 1 => *places -= 1,
            _ => drop(self.places.remove(subject)),
        }
    }
}

enum Entered {
    Running(Place),
    Waiting(Waiting),
}

/// A place on a core.
struct Place {
    pool: WorkPool,
    subject: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pool.leave(&self.subject);
    }
}

/// A place in the queue.
struct Waiting {
    number: u64,
    pool: WorkPool,
    start: oneshot::Receiver<Place>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.pool.0.queue().give_up(self.number);
    }
}

/// Lets every other thread of the lab run first, for as long as this thread lives: a forward-auth check takes
/// microseconds and must not wait for a core that hashes. On an idle machine hashing is as quick as before.
fn give_way_to_others() {
    #[cfg(target_os = "linux")]
    {
        const NICE: i32 = 10;
        // A machine that does not let us only keeps the others waiting a little longer.
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
    }
}

#[cfg(test)]
pub(crate) mod tests;
