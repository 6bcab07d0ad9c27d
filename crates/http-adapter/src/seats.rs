//! The seats: the connections that may be open at once, and how peers share them.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::client_addr::ProxyNetwork;

/// The most connections that are open; further ones wait in the listener's backlog.
const CAPACITY: usize = 1024;

/// The part of the seats that a peer may have. A trusted proxy stands for everybody, and may have them all.
const SHARE: usize = 4;

/// The part of the seats below which free ones are scarce: then each answer ends its connection, and for each
/// further connection the one that has rested longest is ended, among those of the peer with the most.
const RESERVE: usize = 16;

/// The seats. Cloning is cheap; every clone is the same seats.
#[derive(Clone)]
pub(crate) struct Seats(Arc<Hall>);

struct Hall {
    free: Arc<Semaphore>,
    capacity: usize,
    proxies: Vec<ProxyNetwork>,
    taken: Mutex<Taken>,
}

/// The seats that are taken, by numbers that grow.
#[derive(Default)]
struct Taken {
    last: u64,
    seats: BTreeMap<u64, Sitting>,
}

struct Sitting {
    party: Party,
    /// A number that grows, if no request is under way.
    resting_since: Option<u64>,
    wanted_back: Arc<Notify>,
}

/// The peers that count as one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Party {
    /// Trusted proxies.
    Proxy,
    /// One address; of IPv6 a whole network, which is what one subscriber gets.
    Peer(IpAddr),
}

/// A seat that is free, for the next connection.
pub(crate) struct FreeSeat(OwnedSemaphorePermit);

/// A seat that is taken. All work for a client holds it, so that hanging up and coming back does not get a
/// client more than its share.
#[derive(Clone)]
pub(crate) struct Seat(Arc<TakenSeat>);

struct TakenSeat {
    number: u64,
    hall: Arc<Hall>,
    wanted_back: Arc<Notify>,
    _permit: OwnedSemaphorePermit,
}

impl Seats {
    pub(crate) fn new(proxies: &[ProxyNetwork]) -> Self {
        Self::of(CAPACITY, proxies)
    }

    fn of(capacity: usize, proxies: &[ProxyNetwork]) -> Self {
        Self(Arc::new(Hall {
            free: Arc::new(Semaphore::new(capacity)),
            capacity,
            proxies: proxies.to_vec(),
            taken: Mutex::default(),
        }))
    }

    /// Waits for a free seat, and makes room where seats are scarce.
    pub(crate) async fn free(&self) -> Option<FreeSeat> {
        if self.0.is_scarce() {
            self.0.taken().end_longest_rest_of_greediest();
        }
        // The semaphore is never closed.
        Arc::clone(&self.0.free).acquire_owned().await.ok().map(FreeSeat)
    }

    /// Gives a seat to a connection from this peer; `None` when it has its share already, all at work.
    pub(crate) fn take(&self, free: FreeSeat, peer: IpAddr) -> Option<Seat> {
        let party = self.0.party(peer);
        let mut taken = self.0.taken();
        let share = (self.0.capacity / SHARE).max(1);
        let has = || taken.seats.values().filter(|sitting| sitting.party == party).count();
        if party != Party::Proxy && has() >= share && !taken.end_longest_rest_of(party) {
            return None;
        }
        let (number, wanted_back) = (taken.number(), Arc::new(Notify::new()));
        let sitting = Sitting { party, resting_since: Some(number), wanted_back: Arc::clone(&wanted_back) };
        taken.seats.insert(number, sitting);
        drop(taken);
        let FreeSeat(permit) = free;
        Some(Seat(Arc::new(TakenSeat { number, hall: Arc::clone(&self.0), wanted_back, _permit: permit })))
    }

    /// Has every connection end after the request that is under way, and waits until all seats are free.
    pub(crate) async fn clear(&self) {
        self.0.taken().seats.values().for_each(|sitting| sitting.wanted_back.notify_one());
        let all = u32::try_from(self.0.capacity).unwrap_or(u32::MAX);
        let _ = self.0.free.acquire_many(all).await;
    }
}

impl Hall {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_scarce(&self) -> bool {
        self.free.available_permits() < (self.capacity / RESERVE).max(1)
    }

    fn party(&self, peer: IpAddr) -> Party {
        if self.proxies.iter().any(|proxy| proxy.contains(peer)) {
            return Party::Proxy;
        }
        Party::Peer(match peer.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX)).into(),
            address @ IpAddr::V4(_) => address,
        })
    }
}

impl Taken {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Ends the connection of this party that has rested longest, and returns whether there is one.
    fn end_longest_rest_of(&mut self, party: Party) -> bool {
        let resting = self.seats.values_mut().filter(|sitting| sitting.party == party);
        let longest = resting
            .filter(|sitting| sitting.resting_since.is_some())
            .min_by_key(|sitting| sitting.resting_since);
        let Some(longest) = longest else { return false };
        // It is over: another one is ended the next time.
        longest.resting_since = None;
        longest.wanted_back.notify_one();
        true
    }

    /// Ends a connection that rests, of the party with the most seats; a trusted proxy's only where there is no
    /// other.
    fn end_longest_rest_of_greediest(&mut self) {
        let mut counts: HashMap<Party, (bool, usize)> = HashMap::new();
        for sitting in self.seats.values() {
            let (rests, count) = counts.entry(sitting.party).or_default();
            *rests |= sitting.resting_since.is_some();
            *count += 1;
        }
        let resting = counts.into_iter().filter(|(_, (rests, _))| *rests);
        let greediest = resting.max_by_key(|(party, (_, count))| (*party != Party::Proxy, *count));
        if let Some((party, _)) = greediest {
            self.end_longest_rest_of(party);
        }
    }
}

impl Seat {
    /// Notes that a request is under way.
    pub(crate) fn work(&self) {
        self.note(|_| None);
    }

    /// Notes that the request was answered.
    pub(crate) fn rest(&self) {
        self.note(|taken| Some(taken.number()));
    }

    fn note(&self, resting_since: impl FnOnce(&mut Taken) -> Option<u64>) {
        let mut taken = self.0.hall.taken();
        let resting_since = resting_since(&mut taken);
        if let Some(sitting) = taken.seats.get_mut(&self.0.number) {
            sitting.resting_since = resting_since;
        }
    }

    /// Returns whether free seats are scarce: this one is better given back after the answer.
    pub(crate) fn is_scarce(&self) -> bool {
        self.0.hall.is_scarce()
    }

    /// Completes when the seat is wanted back.
    pub(crate) async fn wanted_back(&self) {
        self.0.wanted_back.notified().await;
    }
}

impl Drop for TakenSeat {
    fn drop(&mut self) {
        self.hall.taken().seats.remove(&self.number);
    }
}

#[cfg(test)]
mod tests;
