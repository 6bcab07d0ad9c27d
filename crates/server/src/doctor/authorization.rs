//! The authorization endpoint's answer to a request that asks for nothing to be shown, as a browser would get
//! it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use labgate_domain::ForeignText;
use labgate_domain::protocol::{
    AuthorizationErrorCode as Code, AuthorizationRequest, Nonce, PkceVerifier, RedirectUri, State,
};
use labgate_domain::provider::AuthorizationServer;
use labgate_provider::{About, Kind};
use url::Url;

use super::http::Answer;
use super::{Outcome, Step};
use crate::world::OsEntropy;

/// The remedy where only a browser can tell.
const BY_HAND: &str = "sign in once in a browser; if the provider shows an error, labgate doctor --explain \"ITS WORDS\" says what it means";

/// An authorization request that asks for nothing to be shown.
pub(super) struct Probe {
    pub(super) url: Url,
    redirect_uri: String,
    state: State,
    issuer: String,
    promises_issuer: bool,
    kind: &'static Kind,
}

/// The findings of a probe.
type Findings = Vec<(Step, Outcome)>;

impl Probe {
    pub(super) fn of(server: &AuthorizationServer, redirect_uri: &RedirectUri, kind: &'static Kind) -> Self {
        let mut extra = server.extra_parameters.clone();
        if server.scopes.ask_for_identity() {
            // In place of what a sign-in may ask for.
            extra.retain(|(name, _)| name != "prompt");
            extra.push(("prompt".to_owned(), "none".to_owned()));
        }
        let state = State::fresh(&OsEntropy);
        let request = AuthorizationRequest {
            client_id: server.client_id.clone(),
            redirect_uri: redirect_uri.clone(),
            scopes: server.scopes.clone(),
            state: state.clone(),
            nonce: Nonce::fresh(&OsEntropy),
            code_challenge: PkceVerifier::fresh(&OsEntropy).challenge(),
            extra,
        };
        Self {
            url: request.to_url(&server.authorization_endpoint),
            redirect_uri: redirect_uri.as_str().to_owned(),
            state,
            issuer: server.issuer.as_str().to_owned(),
            promises_issuer: server.states_issuer_in_response,
            kind,
        }
    }

    /// A provider that sends the browser back, be it with an error, accepts the redirect URI; one that shows
    /// a page of its own instead mostly says why not.
    pub(super) fn judge(&self, answer: &Answer) -> Findings {
        let location = answer.location.as_deref().and_then(|location| self.url.join(location).ok());
        let is_ours = |location: &Url| {
            let mut bare = location.clone();
            bare.set_query(None);
            bare.set_fragment(None);
            bare.as_str() == self.redirect_uri
        };
        match location {
            Some(location) if is_ours(&location) => self.of_redirect(&location),
            location => vec![self.of_page(answer, location.as_ref())],
        }
    }

    fn of_redirect(&self, location: &Url) -> Findings {
        let value = |name: &str| {
            location.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
        };
        let error = value("error").unwrap_or_default();
        let words = format!("{error} {}", value("error_description").unwrap_or_default());
        let known = self.kind.explain(&words).map(|explanation| explanation.sentence);
        let said = ForeignText::new(words.trim());
        let registered = (Step::RedirectUri, Outcome::good(format!("{} is registered", self.redirect_uri)));
        let issuer = (Step::Issuer, self.issuer_of_response(value("iss").as_deref()));
        let bad = |problem: String, usual: &str| Outcome::bad(problem, known.unwrap_or(usual));
        if value("state").as_deref() != Some(self.state.as_str()) {
            let problem = "the browser comes back with another state than it left with, or none: every sign-in is refused";
            let remedy = "let nothing between the provider and the browser change or drop parameters; otherwise it is a fault of the provider's";
            return vec![registered, (Step::Authorization, Outcome::bad(problem, remedy))];
        }
        if error == "redirect_uri_mismatch" {
            let problem = format!("{} is not registered", self.redirect_uri);
            return vec![(
                Step::RedirectUri,
                bad(problem, "register it at the provider, character by character"),
            )];
        }
        let refusal = match Code::parse(&error) {
            // The answers of a provider that would have to show a page, and was told not to.
            Code::LoginRequired
            | Code::InteractionRequired
            | Code::ConsentRequired
            | Code::AccountSelectionRequired => None,
            Code::Other(code) if code.as_str().is_empty() => None,
            Code::InvalidScope => {
                let problem = format!("it refuses a scope that is asked for: {said}");
                let usual = "ask for fewer scopes, or allow them for this client at the provider";
                Some((Step::Scopes, bad(problem, usual)))
            }
            Code::UnauthorizedClient => {
                let problem = format!("it does not let this client sign people in with a code: {said}");
                let usual =
                    "allow the authorization code flow (Standard flow) for the client at the provider";
                Some((Step::Authorization, bad(problem, usual)))
            }
            Code::TemporarilyUnavailable | Code::ServerError => {
                let problem = format!("it answers {said}");
                Some((
                    Step::Authorization,
                    bad(problem, "see the provider's status page or its log, and try again"),
                ))
            }
            _ => {
                let problem = format!("it refuses the sign-in: {said}");
                let usual =
                    "compare the client's registration at the provider with the settings; its log says more";
                Some((Step::Authorization, bad(problem, usual)))
            }
        };
        let mut findings = vec![registered, issuer];
        findings.push(refusal.unwrap_or_else(|| (Step::Scopes, Outcome::good("none is refused"))));
        findings
    }

    /// RFC 9207: a response with another issuer ends the sign-in, and so does one that lacks it against a
    /// promise.
    fn issuer_of_response(&self, stated: Option<&str>) -> Outcome {
        match stated {
            Some(stated) if stated == self.issuer => {
                Outcome::good("its response states the issuer of its metadata")
            }
            Some(stated) => Outcome::bad(
                format!(
                    "its response states the issuer {}, and it is {}: every sign-in is refused",
                    ForeignText::new(stated),
                    self.issuer
                ),
                "set issuer to what the provider states, if that is the provider that is meant; nothing in between may change it",
            ),
            None if self.promises_issuer => Outcome::bad(
                "its metadata promises the parameter iss (RFC 9207), and this response has none: a sign-in that comes back like that is refused",
                "let nothing between the provider and the browser drop parameters; otherwise it is a fault of the provider's",
            ),
            None => Outcome::good("its response states none, and does not have to"),
        }
    }

    fn of_page(&self, answer: &Answer, location: Option<&Url>) -> (Step, Outcome) {
        let status = answer.status;
        if let Some(explanation) = self.kind.explain(&words_of(answer, location)) {
            let step = match explanation.about {
                About::RedirectUri => Step::RedirectUri,
                About::Scopes => Step::Scopes,
                About::Other => Step::Authorization,
            };
            let problem = format!(
                "it shows an error page ({status}) to a sign-in that is to come back to {}",
                self.redirect_uri
            );
            return (step, Outcome::bad(problem, explanation.sentence));
        }
        if status >= 400 {
            let problem =
                format!("it answers {status} to a sign-in that is to come back to {}", self.redirect_uri);
            let remedy =
                format!("compare client id and redirect URI with what is registered; then {BY_HAND}");
            return (Step::Authorization, Outcome::bad(problem, remedy));
        }
        let unknown = format!(
            "it goes on to a page of its own, so whether {} is registered cannot be seen from here: {BY_HAND}",
            self.redirect_uri
        );
        (Step::RedirectUri, Outcome::unknown(unknown))
    }
}

/// All that a page says: some providers lead to one that has the error in its address, and Google there in
/// base64.
fn words_of(answer: &Answer, location: Option<&Url>) -> String {
    let mut words = answer.body.clone();
    for (_, value) in location.iter().flat_map(|location| location.query_pairs()) {
        let encoded = value.trim_end_matches('=');
        let decoded = URL_SAFE_NO_PAD.decode(encoded).or_else(|_| STANDARD_NO_PAD.decode(encoded));
        words.push(' ');
        words.push_str(&value);
        words.push(' ');
        words.push_str(&String::from_utf8_lossy(&decoded.unwrap_or_default()));
    }
    words
}
