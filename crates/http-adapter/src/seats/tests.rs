use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::*;

impl Seats {
    /// Returns seats for so many connections.
    pub(crate) fn for_tests(capacity: usize) -> Self {
        Self::of(capacity, &[])
    }

    /// Takes the next seat.
    pub(crate) async fn next(&self, peer: &str) -> Option<Seat> {
        let free = self.free().await.unwrap();
        self.take(free, peer.parse().unwrap())
    }

    pub(crate) fn free_count(&self) -> usize {
        self.0.free.available_permits()
    }
}

/// Returns whether the seat is wanted back at this moment.
async fn is_wanted_back(seat: &Seat) -> bool {
    let mut wanted = pin!(seat.wanted_back());
    poll_fn(|context| Poll::Ready(wanted.as_mut().poll(context).is_ready())).await
}

#[tokio::test]
async fn f10_a_peer_has_a_share_and_its_own_resting_connections_make_room() {
    let seats = Seats::for_tests(32);
    let mut greedy = Vec::new();
    for _ in 0..8 {
        greedy.push(seats.next("198.51.100.7").await.unwrap());
    }
    // The first two work, the third has rested longest.
    greedy[0].work();
    greedy[1].work();
    let ninth = seats.next("::ffff:198.51.100.7").await.unwrap();
    for (number, seat) in greedy.iter().enumerate() {
        assert_eq!(is_wanted_back(seat).await, number == 2, "{number}");
    }
    for seat in &greedy {
        seat.work();
    }
    ninth.work();
    assert!(seats.next("198.51.100.7").await.is_none(), "all at work");
    assert!(seats.next("198.51.100.8").await.is_some());
    assert_eq!(seats.free_count(), 32 - 9, "a seat that was not taken is free again");
}

#[tokio::test]
async fn f10_a_network_of_ipv6_is_one_peer() {
    let seats = Seats::for_tests(4);
    let one = seats.next("2001:db8::1").await.unwrap();
    one.work();
    assert!(seats.next("2001:db8::2").await.is_none());
    assert!(seats.next("2001:db8:0:1::1").await.is_some());
}

#[tokio::test]
async fn f10_a_trusted_proxy_may_have_every_seat() {
    let seats = Seats::of(4, &["10.0.0.0/8".parse().unwrap()]);
    let mut taken = Vec::new();
    for _ in 0..4 {
        let seat = seats.next("10.1.2.3").await.unwrap();
        seat.work();
        taken.push(seat);
    }
    assert_eq!(seats.free_count(), 0);
}

#[tokio::test]
async fn f10_where_seats_are_scarce_the_greediest_peer_gives_back_first() {
    let seats = Seats::of(16, &["10.0.0.1".parse().unwrap()]);
    let mut taken = Vec::new();
    for peer in
        ["10.0.0.1"; 6].iter().chain(&["192.0.2.1"; 4]).chain(&["192.0.2.2"; 3]).chain(&["192.0.2.3"; 3])
    {
        taken.push((*peer, seats.next(peer).await.unwrap()));
    }
    assert!(taken[0].1.is_scarce());
    let mut order = Vec::new();
    for _ in 0..16 {
        // Nothing is free yet: the wait is given up, the seat is wanted back all the same.
        let mut free = pin!(seats.free());
        let is_given = poll_fn(|context| Poll::Ready(free.as_mut().poll(context).is_ready())).await;
        assert!(!is_given);
        for (number, (peer, seat)) in taken.iter().enumerate() {
            if is_wanted_back(seat).await {
                order.push((*peer, number));
            }
        }
    }
    let peers: Vec<&str> = order.iter().map(|(peer, _)| *peer).collect();
    assert_eq!(order[0], ("192.0.2.1", 6), "of the one with the most, what has rested longest");
    assert_eq!(peers[10..], ["10.0.0.1"; 6], "the proxy, which is everybody, last");
}

#[tokio::test]
async fn a_seat_is_free_when_all_that_holds_it_is_gone() {
    let seats = Seats::for_tests(2);
    let seat = seats.next("192.0.2.1").await.unwrap();
    let work = seat.clone();
    drop(seat);
    assert_eq!(seats.free_count(), 1);
    drop(work);
    assert_eq!(seats.free_count(), 2);
    seats.clear().await;
}
