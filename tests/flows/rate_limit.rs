//! Attacks on sign-in with passwords, with a simulated clock: how long the owner of an account is kept waiting.
//! `docs/security.md` has the same table.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use labgate_domain::people::Role;
use labgate_http::Peer;
use labgate_test_harness::TestLab;
use serde_json::json;

use super::request;

const PASSWORD: &str = "quarry pebble lighthouse";
const HOME: &str = "203.0.113.7";
const PROXY: &str = "172.18.0.2";
/// Of the attacker, in a second.
const REQUESTS: u32 = 20;

/// A program with a cookie jar, at an address.
#[derive(Clone)]
struct Client {
    peer: IpAddr,
    forwarded: Option<String>,
    cookies: BTreeMap<String, String>,
}

struct Answer {
    status: u16,
    retry_after: u64,
}

impl Client {
    fn at(peer: &str) -> Self {
        Self { peer: peer.parse().unwrap(), forwarded: None, cookies: BTreeMap::new() }
    }

    fn behind_proxy(forwarded: &str) -> Self {
        Self { forwarded: Some(forwarded.to_owned()), ..Self::at(PROXY) }
    }

    /// The same place, with these cookies only.
    fn keeping(&self, names: &[&str]) -> Self {
        let cookies = self.cookies.iter().filter(|(name, _)| names.contains(&name.as_str()));
        Self { cookies: cookies.map(|(name, value)| (name.clone(), value.clone())).collect(), ..self.clone() }
    }

    async fn post(&mut self, lab: &TestLab, path: &str, body: &serde_json::Value) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![("sec-fetch-site", "same-origin"), ("content-type", "application/json")];
        headers.push(("cookie", &cookies));
        headers.extend(self.forwarded.as_deref().map(|forwarded| ("x-forwarded-for", forwarded)));
        let mut request = request("POST", path, &headers);
        *request.body_mut() = body.to_string().into();
        request.extensions_mut().insert(Peer(self.peer));
        let response = lab.request(request).await;
        for set in response.headers().get_all("set-cookie") {
            let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let retry_after = response.headers().get("retry-after").map_or("0", |value| value.to_str().unwrap());
        Answer { status: response.status().as_u16(), retry_after: retry_after.parse().unwrap() }
    }

    async fn sign_in(&mut self, lab: &TestLab, name: &str, password: &str) -> Answer {
        self.post(lab, "/api/auth/login", &json!({ "username": name, "password": password })).await
    }
}

const DEVICE: &str = "__Host-labgate-device";
const SESSION: &str = "__Host-labgate";

/// A lab in which Ada has registered, with her browser.
async fn lab_of_ada(home: &Client) -> (TestLab, Client) {
    let lab = TestLab::builder().without_provider().build();
    let mut ada = home.clone();
    let registered =
        ada.post(&lab, "/api/auth/register", &json!({ "username": "ada", "password": PASSWORD })).await;
    assert_eq!(registered.status, 200);
    assert!(ada.cookies.contains_key(DEVICE), "registering makes the browser known");
    (lab, ada)
}

struct Attack {
    name: &'static str,
    home: Client,
    /// The attempt of this number.
    attempt: fn(u32) -> (Client, String),
}

fn from_everywhere(number: u32) -> Client {
    Client::at(&format!("198.{}.{}.{}", 18 + number % 2, number / 256 % 256, number % 256))
}

fn attacks() -> Vec<Attack> {
    let home = Client::at(HOME);
    vec![
        Attack {
            name: "at the owner's name, from the owner's address",
            home: home.clone(),
            attempt: |_| (Client::at(HOME), "ada".to_owned()),
        },
        Attack {
            name: "at random names, from the owner's address",
            home: home.clone(),
            attempt: |number| (Client::at(HOME), format!("name{number}")),
        },
        Attack {
            name: "at the owner's name, from many addresses",
            home,
            attempt: |number| (from_everywhere(number), "ada".to_owned()),
        },
        Attack {
            name: "behind the same untrusted proxy, at the owner's name",
            home: Client::behind_proxy("192.0.2.1"),
            attempt: |_| (Client::behind_proxy("192.0.2.66"), "ada".to_owned()),
        },
        Attack {
            name: "the same, with `X-Forwarded-For` made up for each request",
            home: Client::behind_proxy("192.0.2.1"),
            attempt: |number| {
                (Client::behind_proxy(&format!("192.0.{}.{}", number / 200, number % 200)), "ada".to_owned())
            },
        },
    ]
}

/// An attack that goes on.
struct UnderAttack<'a> {
    lab: &'a TestLab,
    attack: &'a Attack,
    attempts: u32,
    compared: u32,
}

impl UnderAttack<'_> {
    async fn passes(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.lab.clock().advance(Duration::from_secs(1));
            for _ in 0..REQUESTS {
                let (mut attacker, name) = (self.attack.attempt)(self.attempts);
                self.attempts += 1;
                let answer = attacker.sign_in(self.lab, &name, "a wrong password").await;
                self.compared += u32::from(answer.status == 401);
            }
        }
    }

    /// Returns how long a person waits until the answer is this one, who comes back as told.
    async fn wait(
        &mut self,
        person: &mut Client,
        path: &str,
        body: &serde_json::Value,
        expected: u16,
    ) -> u64 {
        let mut waited = 0;
        loop {
            let answer = person.post(self.lab, path, body).await;
            if answer.status == expected {
                return waited;
            }
            assert_eq!(answer.status, 429, "{}", self.attack.name);
            assert!((1..=60).contains(&answer.retry_after), "{}", answer.retry_after);
            self.passes(answer.retry_after).await;
            waited += answer.retry_after;
            assert!(waited <= 300, "{}: kept out", self.attack.name);
        }
    }
}

/// Returns the rows of the documented table.
fn documented() -> Vec<[String; 4]> {
    let document = include_str!("../../docs/security.md").lines();
    let table = document.skip_while(|line| !line.starts_with("| attack")).skip(2);
    let cells = |line: &str| {
        let cells: Vec<String> =
            line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        cells.try_into().unwrap()
    };
    table.take_while(|line| line.starts_with('|')).map(cells).collect()
}

#[tokio::test]
async fn f03_no_attack_keeps_the_owner_waiting_longer_than_documented() {
    let mut table = Vec::new();
    for attack in attacks() {
        let (lab, ada) = lab_of_ada(&attack.home).await;
        let mut under_attack = UnderAttack { lab: &lab, attack: &attack, attempts: 0, compared: 0 };
        under_attack.passes(40).await;
        let login = json!({ "username": "ada", "password": PASSWORD });

        let mut device = ada.keeping(&[DEVICE]);
        let known = under_attack.wait(&mut device, "/api/auth/login", &login, 200).await;
        // A wrong present password is compared, and so would the right one be.
        let change = json!({ "present": "wrong", "next": "violet harbour seldom quartz" });
        let mut session = ada.keeping(&[SESSION]);
        let signed_in = under_attack.wait(&mut session, "/api/auth/password", &change, 401).await;
        let mut new = attack.home.clone();
        let neither = under_attack.wait(&mut new, "/api/auth/login", &login, 200).await;
        assert!(new.cookies.contains_key(DEVICE) && !new.cookies.contains_key("__Host-labgate-turn"));

        let seconds = |wait: u64| format!("{wait} s");
        table.push([attack.name.to_owned(), seconds(known), seconds(signed_in), seconds(neither)]);
    }
    assert_eq!(table, documented());
}

#[tokio::test]
async fn f03_ten_new_people_behind_the_attackers_address_all_get_in_within_a_minute() {
    let attack = &attacks()[1];
    let (lab, _) = lab_of_ada(&attack.home).await;
    let mut people = Vec::new();
    for number in 0..10 {
        let name = format!("person{number}");
        let registered = json!({ "username": name, "password": PASSWORD });
        Client::at("192.0.2.200").post(&lab, "/api/auth/register", &registered).await;
        people.push((Client::at(HOME), name));
    }
    let mut under_attack = UnderAttack { lab: &lab, attack, attempts: 0, compared: 0 };
    under_attack.passes(40).await;
    let mut longest = 0;
    for second in 0..=60 {
        let mut waiting = Vec::new();
        for (mut person, name) in people {
            if person.sign_in(&lab, &name, PASSWORD).await.status == 200 {
                longest = second;
            } else {
                waiting.push((person, name));
            }
        }
        people = waiting;
        under_attack.passes(1).await;
    }
    assert!(people.is_empty(), "{} are kept out", people.len());
    assert_eq!(longest, 20);
}

#[tokio::test]
async fn f03_a_new_person_can_register_while_a_neighbour_floods_the_registration() {
    let home = Client::at(HOME);
    let (lab, _) = lab_of_ada(&home).await;
    let flood = json!({ "username": "ada", "password": PASSWORD });
    let mut eve = home.clone();
    let mut waited = 0;
    let registered = loop {
        for _ in 0..100 {
            home.clone().post(&lab, "/api/auth/register", &flood).await;
        }
        let answer =
            eve.post(&lab, "/api/auth/register", &json!({ "username": "eve", "password": PASSWORD })).await;
        if answer.status != 429 {
            break answer;
        }
        waited += answer.retry_after;
        assert!(waited <= 60, "kept out");
        lab.clock().advance(Duration::from_secs(answer.retry_after));
    };
    assert_eq!((registered.status, waited), (200, 20));
}

/// Keeps every turn that is given, and comes back with each.
#[tokio::test]
async fn f03_an_attacker_who_plays_the_turns_gets_the_documented_guesses_and_delays_no_known_device() {
    let home = Client::at(HOME);
    let (lab, ada) = lab_of_ada(&home).await;
    let mut jars: Vec<(u64, Client)> = Vec::new();
    let mut compared = 0;
    let minutes = 10;
    for second in 0..minutes * 60 {
        lab.clock().advance(Duration::from_secs(1));
        let mut fresh = vec![(second, home.clone()), (second, home.clone())];
        for (since, jar) in jars.iter_mut().filter(|(since, _)| since + 20 <= second).chain(&mut fresh) {
            let answer = jar.sign_in(&lab, "ada", "a wrong password").await;
            compared += u32::from(answer.status == 401);
            *since = second;
        }
        jars.extend(fresh);
        jars.truncate(100);
    }
    // In ten minutes: the free ones, the doubling ones, and one a minute.
    assert!((10..=30).contains(&compared), "{compared}");
    let mut device = ada.keeping(&[DEVICE]);
    assert_eq!(device.sign_in(&lab, "ada", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn f03_a_turn_is_for_one_name_good_once_and_for_two_minutes() {
    let home = Client::at(HOME);
    let (lab, _) = lab_of_ada(&home).await;
    let refused = async |client: &mut Client, name: &str| {
        client.sign_in(&lab, name, "a wrong password").await.status == 429
    };
    let mut stranger = home.clone();
    let exhaust = async |name: &str| while !refused(&mut home.clone(), name).await {};
    exhaust("ada").await;
    exhaust("bob").await;
    // With 19 seconds it is too early; another name's it never is.
    assert!(refused(&mut stranger, "ada").await);
    lab.clock().advance(Duration::from_secs(19));
    exhaust("ada").await;
    exhaust("bob").await;
    assert!(refused(&mut stranger.clone(), "ada").await, "too early");
    lab.clock().advance(Duration::from_secs(1));
    exhaust("ada").await;
    exhaust("bob").await;
    assert!(refused(&mut stranger.clone(), "bob").await, "another name");
    let mut copy = stranger.clone();
    assert!(!refused(&mut stranger, "ada").await, "its turn");
    assert!(refused(&mut copy, "ada").await, "spent");

    let mut late = home.clone();
    exhaust("ada").await;
    assert!(refused(&mut late, "ada").await);
    lab.clock().advance(Duration::from_secs(20 + 119));
    exhaust("ada").await;
    assert!(!refused(&mut late.clone(), "ada").await, "its last second");
    lab.clock().advance(Duration::from_secs(1));
    exhaust("ada").await;
    assert!(refused(&mut late, "ada").await, "too late");
}

#[tokio::test]
async fn f03_a_known_device_is_held_up_by_its_own_wrong_passwords_alone() {
    let home = Client::at(HOME);
    let (lab, ada) = lab_of_ada(&home).await;
    let mut thief = Client { cookies: ada.keeping(&[DEVICE]).cookies, ..Client::at("198.51.100.66") };
    for _ in 0..5 {
        assert_eq!(thief.sign_in(&lab, "ada", "wrong").await.status, 401);
    }
    assert_eq!(thief.sign_in(&lab, "ada", "wrong").await.status, 429, "its allowance is used up");
    // At other names it is a stranger like any other, and its cookie counts for nothing there.
    assert_eq!(thief.sign_in(&lab, "bob", "wrong").await.status, 401);
    // Strangers are not held up by it, nor is another device.
    let mut elsewhere = home.clone();
    assert_eq!(elsewhere.sign_in(&lab, "ada", PASSWORD).await.status, 200);
    for _ in 0..60 {
        Client::at("198.51.100.66").sign_in(&lab, "ada", "wrong").await;
    }
    assert_eq!(elsewhere.keeping(&[DEVICE]).sign_in(&lab, "ada", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn f03_an_initial_password_makes_no_device_known_and_a_new_password_voids_all() {
    let home = Client::at(HOME);
    let lab = TestLab::builder().without_provider().build();
    lab.add_account("bob", Role::User, "an initial passphrase").await;
    let mut bob = home.clone();
    bob.sign_in(&lab, "bob", "an initial passphrase").await;
    assert!(!bob.cookies.contains_key(DEVICE), "another person knows the password");
    assert_eq!(bob.post(&lab, "/api/auth/password", &json!({ "next": PASSWORD })).await.status, 200);
    let before = bob.keeping(&[DEVICE]);
    assert!(!before.cookies.is_empty());
    let change = json!({ "present": PASSWORD, "next": "violet harbour seldom quartz" });
    assert_eq!(bob.post(&lab, "/api/auth/password", &change).await.status, 200);
    assert_ne!(bob.keeping(&[DEVICE]).cookies, before.cookies);
    while Client::at(HOME).sign_in(&lab, "bob", "wrong").await.status != 429 {}
    let next = "violet harbour seldom quartz";
    assert_eq!(before.clone().sign_in(&lab, "bob", next).await.status, 429, "a device of the old password");
    assert_eq!(bob.keeping(&[DEVICE]).sign_in(&lab, "bob", next).await.status, 200);
}

#[tokio::test]
async fn f03_the_page_that_refuses_keeps_the_name_and_says_how_long() {
    let lab = TestLab::builder().without_provider().build();
    let mut browser = lab.browser();
    for _ in 0..300 {
        browser.open("/login").await;
        browser.submit("Sign in with password", &[("username", "ada"), ("password", "wrong")]).await;
        if browser.page().status() == 429 {
            break;
        }
    }
    assert_eq!(browser.page().status(), 429);
    let page = browser.page();
    assert!(page.text().contains("Please wait 1 seconds"), "{page}");
    assert!(page.html().contains("value=\"ada\""), "{page}");
    assert!(super::cookie_names(&browser).contains(&"__Host-labgate-turn".to_owned()));
}

#[tokio::test]
async fn f04_names_sprayed_through_an_unknown_proxy_are_limited_whatever_they_forward() {
    let lab = TestLab::builder().without_provider().build();
    let mut compared = 0;
    for number in 0..1000 {
        let mut client = Client::behind_proxy(&format!("198.51.{}.{}", number / 250, number % 250));
        compared += u32::from(client.sign_in(&lab, &format!("name{number}"), "wrong").await.status == 401);
    }
    assert_eq!(compared, 300);
    let mut registered = 0;
    for number in 0..600 {
        let mut client = Client::behind_proxy(&format!("198.51.{}.{}", number / 250, number % 250));
        let body = json!({ "username": format!("eve{number}"), "password": PASSWORD });
        registered += u32::from(client.post(&lab, "/api/auth/register", &body).await.status == 200);
    }
    assert_eq!(registered, 500);
}

#[tokio::test]
async fn f06_no_wait_tells_that_two_names_are_one_account() {
    let home = Client::at(HOME);
    let lab = TestLab::builder().build();
    lab.invite("ada@example.com", Some("ada"), Some("an initial passphrase")).await;
    let mut statuses = Vec::new();
    for other in ["ada@example.com", "ghost@example.com"] {
        for _ in 0..6 {
            home.clone().sign_in(&lab, "ada", "wrong").await;
        }
        statuses.push(home.clone().sign_in(&lab, other, "wrong").await.status);
    }
    assert_eq!(statuses, [401, 401]);
}
