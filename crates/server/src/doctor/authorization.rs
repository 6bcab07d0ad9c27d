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

use super::finding::Outcome;
use super::http::Answer;
use super::step::Step;
use crate::world::OsEntropy;

/// An authorization request that asks for nothing to be shown.
pub(super) struct Probe {
    pub(super) url: Url,
    pub(super) request: AuthorizationRequest,
    /// The same request as a sign-in makes it, without `prompt=none`.
    pub(super) as_a_sign_in: Url,
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
        let state = State::fresh(&OsEntropy);
        let mut request = AuthorizationRequest {
            client_id: server.client_id.clone(),
            redirect_uri: redirect_uri.clone(),
            scopes: server.scopes.clone(),
            state: state.clone(),
            nonce: Nonce::fresh(&OsEntropy),
            code_challenge: PkceVerifier::fresh(&OsEntropy).challenge(),
            extra: server.extra_parameters.clone(),
        };
        let as_a_sign_in = request.to_url(&server.authorization_endpoint);
        if server.scopes.ask_for_identity() {
            // In place of what a sign-in may ask for.
            request.extra.retain(|(name, _)| name != "prompt");
            request.extra.push(("prompt".to_owned(), "none".to_owned()));
        }
        Self {
            url: request.to_url(&server.authorization_endpoint),
            request,
            as_a_sign_in,
            redirect_uri: redirect_uri.as_str().to_owned(),
            state,
            issuer: server.issuer.as_str().to_owned(),
            promises_issuer: server.states_issuer_in_response,
            kind,
        }
    }

    /// Returns whether the provider fails at `prompt=none`, and may do well without.
    pub(super) fn fails(&self, answer: &Answer) -> bool {
        answer.status >= 500 && self.as_a_sign_in != self.url
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
        let redirect_uri = &self.redirect_uri;
        let registered = (Step::RedirectUri, Outcome::of("redirect_uri", &[("redirect_uri", redirect_uri)]));
        if value("state").as_deref() != Some(self.state.as_str()) {
            return vec![registered, (Step::Authorization, Outcome::of("state_changed", &[]))];
        }
        if error == "redirect_uri_mismatch" {
            let outcome = Outcome::of("redirect_uri_mismatch", &[("redirect_uri", redirect_uri)]);
            return vec![(Step::RedirectUri, outcome.or_remedy(known))];
        }
        let (step, outcome) = match Code::parse(&error) {
            // The answers of a provider that would have to show a page, and was told not to.
            Code::LoginRequired
            | Code::InteractionRequired
            | Code::ConsentRequired
            | Code::AccountSelectionRequired => (Step::Scopes, Outcome::of("scopes", &[])),
            Code::Other(code) if code.as_str().is_empty() => (Step::Scopes, Outcome::of("scopes", &[])),
            Code::InvalidScope => (Step::Scopes, Outcome::of("scope_refused", &[("said", &said)])),
            Code::UnauthorizedClient => {
                (Step::Authorization, Outcome::of("client_unauthorized", &[("said", &said)]))
            }
            Code::TemporarilyUnavailable | Code::ServerError => {
                (Step::Authorization, Outcome::of("provider_error", &[("said", &said)]))
            }
            _ => (Step::Authorization, Outcome::of("sign_in_refused", &[("said", &said)])),
        };
        let issuer = (Step::Issuer, self.issuer_of_response(value("iss").as_deref(), &error));
        vec![registered, issuer, (step, outcome.or_remedy(known))]
    }

    /// RFC 9207: a response with another issuer ends the sign-in, and so does one that lacks it against a
    /// promise. Some providers keep the promise only with a code, so an error says nothing of sign-ins.
    fn issuer_of_response(&self, stated: Option<&str>, error: &str) -> Outcome {
        match stated {
            Some(stated) if stated == self.issuer => Outcome::of("issuer_stated", &[]),
            Some(stated) => {
                let stated = ForeignText::new(stated);
                Outcome::of("issuer_mismatch", &[("stated", &stated), ("issuer", &self.issuer)])
            }
            None if self.promises_issuer && error.is_empty() => Outcome::of("issuer_missing", &[]),
            None if self.promises_issuer => Outcome::of("issuer_missing_in_error", &[]),
            None => Outcome::of("issuer_unstated", &[]),
        }
    }

    fn of_page(&self, answer: &Answer, location: Option<&Url>) -> (Step, Outcome) {
        let (status, redirect_uri) = (answer.status, &self.redirect_uri);
        if let Some(explanation) = self.kind.explain(&words_of(answer, location)) {
            let step = match explanation.about {
                About::RedirectUri => Step::RedirectUri,
                About::Scopes => Step::Scopes,
                About::Other => Step::Authorization,
            };
            let sentence = explanation.sentence;
            let outcome = Outcome::of(
                "error_page_explained",
                &[("status", &status), ("redirect_uri", redirect_uri), ("explanation", &sentence)],
            );
            return (step, outcome);
        }
        if status >= 400 {
            let outcome = Outcome::of("error_page", &[("status", &status), ("redirect_uri", redirect_uri)]);
            return (Step::Authorization, outcome);
        }
        (Step::RedirectUri, Outcome::of("redirect_uri_unknown", &[("redirect_uri", redirect_uri)]))
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
