//! A service through the front door with the session of a person: what arrives where the service would be.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, UPGRADE};
use http::{HeaderValue, Method};
use labgate_domain::ForeignText;
use labgate_domain::access::{IdentityGroups, IdentityHeaders, Target};
use labgate_domain::time::Timestamp;
use labgate_http::identity::{self, ASSERTION};
use url::Url;

use super::finding::Outcome;
use super::http::{Answer, Upgraded};
use super::person::{NAVIGATION, Person};
use super::services::{FETCH, FrontDoor};
use super::stand_in::{Arrived, WEBSOCKET_KEY, random};
use super::step::Step;

/// Names that other products tell services with who asks.
const OTHER_WORDS: [&str; 8] = [
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
    "x-auth-request-access-token",
    "x-remote-user",
    "x-webauth-user",
];

/// The methods of requests without a session; a rule may be about each.
const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS];

const WEBSOCKET: [(&str, &str); 5] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", WEBSOCKET_KEY),
    ("sec-fetch-mode", "websocket"),
];
/// HTTP/2 without TLS (RFC 7540 section 3.2).
const H2C: [(&str, &str); 3] = [
    ("connection", "Upgrade, HTTP2-Settings"),
    ("upgrade", "h2c"),
    ("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
];

/// A cookie of the service's own, on both sides of Labgate's.
const OWN_COOKIES: [&str; 2] = ["doctor-one=1", "doctor-two=2"];

/// A service in whose place the doctor stands.
pub(super) struct Behind<'a, 'p> {
    pub(super) door: &'a FrontDoor<'a>,
    pub(super) person: &'a mut Person<'p>,
    pub(super) address: SocketAddr,
    pub(super) is_public: bool,
    pub(super) now: Timestamp,
}

/// The answer to a request, and what arrived of it.
struct Sent {
    status: u16,
    arrived: Option<Arrived>,
}

impl Behind<'_, '_> {
    pub(super) async fn examine(&mut self, found: &mut impl FnMut((Step, Outcome))) {
        if let Err(outcome) = self.reached().await {
            return found((Step::Reached, outcome));
        }
        found((Step::Reached, self.unreached_without_session().await));
        let mut found = |step, outcome: Result<Outcome, String>| {
            found((step, outcome.unwrap_or_else(|reason| unanswered(&reason))));
        };
        found(Step::SpoofedHeaders, self.spoofed_headers().await);
        found(Step::CookieStripped, self.cookie_stripped().await);
        if !self.is_public {
            found(Step::Identity, self.identity().await);
        }
        found(Step::Websocket, self.websocket().await);
    }

    /// Opens an address of the service as a browser with the session. The error is the outcome if it does not arrive.
    async fn reached(&mut self) -> Result<(), Outcome> {
        let service = self.door.service;
        let path = self.path();
        let url = self.door.url(&path).map_err(|reason| unanswered(&reason))?;
        let opened = self.person.open(url, service.url.origin()).await;
        let (Answer { status, .. }, url) = opened.map_err(|reason| unanswered(&reason))?;
        let arrived = self.person.stand_ins.arrived().into_iter().next();
        let Some(arrived) = arrived else {
            if status == 403 {
                return Err(Outcome::of("reached_refused", &[("path", &path)]));
            }
            let at = ForeignText::new(&format!("{}{}", url.origin().ascii_serialization(), url.path()));
            let address = &self.address;
            return Err(Outcome::of(
                "reached_not",
                &[("address", address), ("status", &status), ("at", &at)],
            ));
        };
        if arrived.service != service.id.as_str() {
            return Err(Outcome::of("reached_other", &[("other", &arrived.service)]));
        }
        // A proxy may take the path of the service away.
        let below = path.strip_prefix(service.url.path());
        if arrived.target != path && Some(&*arrived.target) != below {
            let arrived = ForeignText::new(&arrived.target);
            return Err(Outcome::of("reached_changed", &[("path", &path), ("arrived", &arrived)]));
        }
        Ok(())
    }

    /// Sends requests without a session, of which none may arrive.
    async fn unreached_without_session(&self) -> Outcome {
        let door = self.door;
        let origin = ("origin", door.service.url.origin());
        let with = |headers: &[(&'static str, &'static str)]| headers.to_vec();
        let scripts = METHODS.map(|method| (format!("{method} of a script"), method, with(&FETCH)));
        let browser = ("GET of a browser".to_owned(), Method::GET, with(&NAVIGATION));
        let websocket = ("WebSocket".to_owned(), Method::GET, with(&WEBSOCKET));
        for (what, method, headers) in scripts.into_iter().chain([browser, websocket]) {
            let path = self.path();
            let target = Target::new(door.service.url.host(), &path, method.as_str()).ok();
            let verdict = target.as_ref().and_then(|target| door.services.judge(target).ok());
            if verdict.is_some_and(|verdict| verdict.is_public()) {
                continue;
            }
            let headers: Vec<(&str, &str)> = headers.into_iter().chain([origin]).collect();
            if let Ok(url) = door.url(&path) {
                let answer = door.http.ask(method, &url, &headers).await;
                // Whatever the answer is: what counts is what arrives.
                if !self.person.stand_ins.arrived().is_empty() {
                    return Outcome::of("reached_without_session", &[("request", &what)]);
                }
                // Where the way is blocked, nothing is known of the check.
                let blocked = match answer {
                    Ok(answer) if answer.status < 500 => continue,
                    Ok(answer) => answer.status.to_string(),
                    Err(error) => error.detail().to_owned(),
                };
                return Outcome::of("reached_unseen", &[("request", &what), ("answer", &blocked)]);
            }
        }
        if self.is_public {
            Outcome::of("reached_public", &[("address", &self.address)])
        } else {
            Outcome::of("reached", &[("address", &self.address)])
        }
    }

    /// Sends made-up identity headers with the session.
    async fn spoofed_headers(&mut self) -> Result<Outcome, String> {
        let made_up = random();
        let bearer = format!("Bearer {made_up}.{made_up}.{made_up}");
        let ours: Vec<String> = identity::identity_headers()
            .filter(|name| *name != AUTHORIZATION)
            .map(|name| name.to_string())
            .collect();
        let written = |by: &str| ours.iter().map(|name| name.replace('-', by)).collect::<Vec<_>>();
        let others = OTHER_WORDS.map(str::to_owned).to_vec();
        let mut tries = vec![(ours.clone(), &made_up), (written("_"), &made_up), (written("."), &made_up)];
        // A service without assertions may read an Authorization of its own.
        if self.door.service.identity.assertion {
            tries.push((vec![AUTHORIZATION.to_string()], &bearer));
        }
        tries.push((others, &made_up));
        let count: usize = tries.iter().map(|(names, _)| names.len()).sum();
        let (mut arrive, mut others_arrive) = (BTreeSet::new(), BTreeSet::new());
        for (number, (names, value)) in tries.into_iter().enumerate() {
            // Twice: a proxy may replace the first only. Of two of these some refuse both.
            let times = if names == [AUTHORIZATION.as_str()] { 1 } else { 2 };
            let headers: Vec<_> =
                names.iter().flat_map(|name| vec![(name.as_str(), value.as_str()); times]).collect();
            let Sent { status, arrived } = self.send(&headers).await?;
            let Some(arrived) = arrived else {
                // A proxy may refuse names that are written oddly.
                if number == 0 || status >= 500 {
                    return Ok(Outcome::of("spoofed_headers_unknown", &[("status", &status)]));
                }
                continue;
            };
            for (name, _) in arrived.headers.iter().filter(|(_, value)| has(value, &made_up)) {
                let canonical = name.as_str().replace(['_', '.'], "-");
                let is_ours = identity::identity_headers().any(|ours| ours == canonical.as_str());
                let names = if is_ours { &mut arrive } else { &mut others_arrive };
                names.insert(name.to_string());
            }
        }
        if !arrive.is_empty() {
            return Ok(Outcome::of("spoofed_headers_arrive", &[("headers", &joined(&arrive))]));
        }
        // A proxy drops what the client calls hop-by-hop (RFC 9110 section 7.6.1): that must not be who asks.
        let named = format!("close, {}, authorization", ours.join(", "));
        let arrived = self.send(&[("connection", &*named)]).await?.arrived;
        let missing = arrived.filter(|_| !self.is_public).map(|arrived| self.missing(&arrived.headers));
        if let Some(missing) = missing.filter(|missing| !missing.is_empty()) {
            return Ok(Outcome::of("spoofed_headers_taken_away", &[("headers", &missing.join(", "))]));
        }
        if !others_arrive.is_empty() {
            return Ok(Outcome::of("spoofed_others_arrive", &[("headers", &joined(&others_arrive))]));
        }
        Ok(Outcome::of("spoofed_headers", &[("count", &count)]))
    }

    /// Sends a cookie of each of the lab's names, between two of the service's own.
    async fn cookie_stripped(&mut self) -> Result<Outcome, String> {
        let names: Vec<String> = self.door.lab.cookie_name.all(&self.door.lab.policy.public_url).collect();
        let made_up = names.iter().skip(1).map(|name| {
            let id = if name.ends_with('-') { "AAAAAAAAAAAAAAAAAAAAAA" } else { "" };
            format!("{name}{id}=1")
        });
        let path = self.path();
        let url = self.door.url(&path)?;
        let [one, two] = OWN_COOKIES;
        let cookies = [one.to_owned(), self.person.cookies(&url)].into_iter().chain(made_up);
        let cookies = cookies.chain([two.to_owned()]).collect::<Vec<_>>().join("; ");
        let answer = self.ask(&url, &[("cookie", &*cookies)]).await?;
        let Some(arrived) = self.person.stand_ins.arrived().into_iter().next() else {
            return Ok(Outcome::of("cookie_stripped_unknown", &[("status", &answer.status)]));
        };
        let lines =
            arrived.headers.get_all(COOKIE).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
        let pairs: Vec<String> = lines
            .flat_map(|line| line.split(';').map(|pair| pair.trim().to_owned()).collect::<Vec<_>>())
            .collect();
        let is_ours = |name: &&str| {
            names.iter().any(|ours| if ours.ends_with('-') { name.starts_with(ours) } else { name == ours })
        };
        let arrive: BTreeSet<String> = pairs
            .iter()
            .filter_map(|pair| pair.split('=').next())
            .filter(is_ours)
            .map(str::to_owned)
            .collect();
        if !arrive.is_empty() {
            return Ok(Outcome::of("cookie_arrives", &[("cookies", &joined(&arrive))]));
        }
        if !OWN_COOKIES.iter().all(|own| pairs.iter().any(|pair| pair == own)) {
            let name = names.first().map_or("", String::as_str);
            return Ok(Outcome::of("cookie_of_service_lost", &[("name", &name)]));
        }
        Ok(Outcome::of("cookie_stripped", &[]))
    }

    /// Looks at the headers that tell the service who asks.
    async fn identity(&mut self) -> Result<Outcome, String> {
        let Sent { status, arrived } = self.send(&[]).await?;
        let Some(Arrived { headers, .. }) = arrived else {
            return Ok(Outcome::of("identity_unknown", &[("status", &status)]));
        };
        let missing = self.missing(&headers);
        if !missing.is_empty() {
            return Ok(Outcome::of("identity_missing", &[("headers", &missing.join(", "))]));
        }
        let settings = &self.door.service.identity;
        let username = self.person.username.as_str();
        let names = self.names(&headers);
        let user = names.as_ref().map(|[user, ..]| user);
        let other = |header: &HeaderName| {
            Outcome::of("identity_other", &[("header", header), ("username", &ForeignText::new(username))])
        };
        if let Some(user) = user
            && headers.get(user) != Some(&identity::value(username, settings.encoding))
        {
            return Ok(other(user));
        }
        let told = user.map_or_else(String::new, ToString::to_string);
        if !settings.assertion {
            return Ok(match user {
                Some(_) => {
                    Outcome::of("identity", &[("header", &told), ("username", &ForeignText::new(username))])
                }
                None => Outcome::of("identity_untold", &[]),
            });
        }
        let assertion = headers.get(ASSERTION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let bearer = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        if bearer.is_some_and(|bearer| bearer != format!("Bearer {assertion}").as_bytes()) {
            let reason = "Authorization has another value";
            return Ok(Outcome::of("assertion_invalid", &[("reason", &reason)]));
        }
        let Some(verifier) = &self.person.verifier else {
            return Ok(Outcome::of("assertion_unverified", &[]));
        };
        Ok(match verifier.verify_assertion(self.door.service.id.as_str(), assertion, self.now) {
            Ok(claims) if claims.preferred_username.as_str() != username => other(&ASSERTION),
            Ok(_) => Outcome::of("identity_asserted", &[("username", &ForeignText::new(username))]),
            Err(error) => Outcome::of("assertion_invalid", &[("reason", &error)]),
        })
    }

    /// Opens a WebSocket, and asks for another protocol.
    async fn websocket(&mut self) -> Result<Outcome, String> {
        let path = self.path();
        let url = self.door.url(&path)?;
        let cookies = self.person.cookies(&url);
        let more = [("origin", self.door.service.url.origin()), ("cookie", &*cookies)];
        let headers: Vec<_> = WEBSOCKET.into_iter().chain(more).collect();
        let message = frame(&random());
        let upgraded = self.door.http.upgrade(&url, &headers, &message).await;
        match upgraded.map_err(|error| error.detail().to_owned())? {
            Upgraded::Refused(Answer { status, .. }) => {
                return Ok(Outcome::of("websocket_refused", &[("status", &status)]));
            }
            Upgraded::Changed(Err(reason)) => {
                return Ok(Outcome::of("websocket_mute", &[("reason", &reason)]));
            }
            Upgraded::Changed(Ok(echo)) if echo != message => {
                return Ok(Outcome::of("websocket_mute", &[("reason", &"another one comes back")]));
            }
            Upgraded::Changed(Ok(_)) => {}
        }
        let arrived = self.send(&H2C).await?.arrived;
        Ok(match arrived.and_then(|arrived| arrived.headers.get(UPGRADE).cloned()) {
            Some(_) => Outcome::of("upgrade_arrives", &[]),
            None => Outcome::of("websocket", &[]),
        })
    }

    /// Returns the names of the headers that tell the service about the person.
    fn names(&self, headers: &HeaderMap) -> Option<identity::Names> {
        let own = identity::person_headers(self.door.service.identity.headers);
        if self.door.lab.drop_ins.is_empty() {
            return own;
        }
        // What a proxy that is configured for another product copies is that product's.
        let all = [IdentityHeaders::Remote, IdentityHeaders::XAuthRequest];
        let mut all = all.into_iter().filter_map(identity::person_headers);
        all.find(|[user, ..]| headers.contains_key(user)).or(own)
    }

    /// Returns the names of the headers with a value that do not arrive. The assertion in `Authorization` is a copy.
    fn missing(&self, headers: &HeaderMap) -> Vec<String> {
        let settings = &self.door.service.identity;
        let is_told = |group: &String| match &settings.groups {
            IdentityGroups::All => true,
            IdentityGroups::These(groups) => groups.contains(group),
        };
        let has_groups = self.person.groups.iter().any(is_told);
        let of_person = self
            .names(headers)
            .into_iter()
            .flat_map(|names| names.into_iter().zip([true, self.person.has_email, true, has_groups]));
        let all = of_person.chain([(ASSERTION, settings.assertion)]);
        let expected = all.filter_map(|(name, is_expected)| is_expected.then_some(name));
        let arrives = |name: &HeaderName| headers.get(name).is_some_and(|value| !value.is_empty());
        expected.filter(|name| !arrives(name)).map(|name| name.to_string()).collect()
    }

    /// Returns an address below the service that the stand-in expects.
    fn path(&self) -> String {
        self.door.path(&format!("/{}", self.person.stand_ins.expect()))
    }

    /// Sends a request with the session and these headers.
    async fn send(&mut self, headers: &[(&str, &str)]) -> Result<Sent, String> {
        let path = self.path();
        let url = self.door.url(&path)?;
        let cookies = self.person.cookies(&url);
        let headers: Vec<_> = headers.iter().copied().chain([("cookie", &*cookies)]).collect();
        let Answer { status, .. } = self.ask(&url, &headers).await?;
        Ok(Sent { status, arrived: self.person.stand_ins.arrived().into_iter().next() })
    }

    async fn ask(&mut self, url: &Url, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let headers: Vec<_> = NAVIGATION.iter().chain(headers).copied().collect();
        let answer = self.door.http.get(url, &headers).await;
        let answer = answer.map_err(|error| error.detail().to_owned())?;
        self.person.keep(url, &answer);
        Ok(answer)
    }
}

fn unanswered(reason: &str) -> Outcome {
    Outcome::of("with_session_unanswered", &[("reason", &reason)])
}

fn joined(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn has(value: &HeaderValue, text: &str) -> bool {
    value.as_bytes().windows(text.len()).any(|part| part == text.as_bytes())
}

/// Returns a short text as a masked frame of a WebSocket (RFC 6455 section 5.2); the mask of zeros leaves it as it is.
fn frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap_or_default() & 0x7f;
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}
