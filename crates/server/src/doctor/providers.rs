//! One provider: its metadata and keys, the redirect URI, the scopes, the client's secret, the clocks.

use std::sync::Arc;

use labgate_domain::ForeignText;
use labgate_domain::ports::{Clock, CodeRedemption, IdentityProvider, ProviderCall, ProviderError};
use labgate_domain::protocol::{
    AuthorizationCode, AuthorizationRequest, Nonce, PkceVerifier, State, TokenErrorCode,
};
use labgate_domain::provider::AuthorizationServer;
use labgate_domain::time::Timestamp;
use labgate_provider::ProviderSettings;
use url::Url;

use super::http::{Answer, Http};
use super::{Finding, Outcome};
use crate::configuration::Configuration;
use crate::world::OsEntropy;

/// How far the clocks may be apart, in seconds: the leeway for identity tokens.
const SKEW: i64 = 60;

/// What a provider's error page says, and what it means. Providers have no protocol for errors that they may not send back to
/// us; these words are what people have to go by.
const PAGES: &[(&str, &str)] = &[
    (
        "AADSTS50011",
        "register the redirect URI, platform Web, exactly as above (Authentication > Redirect URI configuration)",
    ),
    (
        "AADSTS700016",
        "the client id is not known in this tenant: compare it with the Application (client) ID, and the tenant in the URLs",
    ),
    ("AADSTS90002", "the tenant does not exist: compare the tenant in the URLs, and the cloud"),
    ("AADSTS50194", "the application is for one tenant: put its id into the URLs in place of common"),
    ("AADSTS900971", "the application has no redirect URI: register the one above"),
    (
        "Unregistered redirect_uri",
        "add the redirect URI above to redirectURIs in Dex's configuration, character by character, and restart it",
    ),
    ("Invalid client_id", "the client id is not in Dex's staticClients, or Dex was not restarted"),
    (
        "Invalid parameter: redirect_uri",
        "add the redirect URI above to Valid redirect URIs of the client in Keycloak",
    ),
    ("Client not found", "the client id is not known in this realm: compare both"),
    ("HTTPS required", "the realm wants TLS: serve Keycloak by https"),
    ("redirect_uri_mismatch", "register the redirect URI above for this client, character by character"),
    ("redirect_mismatch", "add the redirect URI above to the allowed callback URLs of the app client"),
    ("The redirect URI included is not valid", "register the redirect URI above with the GitLab application"),
    ("Callback URL mismatch", "add the redirect URI above to Allowed Callback URLs"),
    ("org_internal", "the Google app is Internal: only accounts of its organization can use it"),
    ("deleted_client", "the client was deleted at Google: make a new one"),
];

pub(super) async fn examine(
    settings: &ProviderSettings,
    configuration: &Configuration,
    clock: &Arc<dyn Clock>,
    http: &Http,
) -> Vec<Finding> {
    let subject = settings.description.id.as_str();
    let mut findings = Vec::new();
    let mut found = |step, outcome| findings.push(Finding::new(subject, step, outcome));

    let provider = match labgate_provider::provider(settings.clone(), Arc::clone(clock)) {
        Ok(provider) => provider,
        Err(error) => {
            found("settings", Outcome::bad(error.to_string(), "correct the settings of this provider"));
            return findings;
        }
    };
    let server = match provider.authorization_server().await {
        Ok(server) => server,
        Err(error) => {
            found("metadata", of_error(&error));
            return findings;
        }
    };
    found("metadata", Outcome::good(format!("its issuer is {}", server.issuer)));

    let probe = Probe::of(&server, configuration);
    match http.get(&probe.url, None).await {
        Err(reason) => {
            let place = host(&probe.url);
            found(
                "authorization",
                Outcome::bad(
                    format!("the authorization endpoint at {place} cannot be reached: {reason}"),
                    "browsers need it, and this machine should reach it, too: compare auth_url",
                ),
            );
        }
        Ok(answer) => {
            found("clock", clocks(&answer, clock.now()));
            for (step, outcome) in probe.judge(&answer) {
                found(step, outcome);
            }
        }
    }
    found("client", client(&*provider, &server, configuration, clock).await);
    findings
}

/// An authorization request that asks for nothing to be shown.
struct Probe {
    url: Url,
    redirect_uri: String,
}

impl Probe {
    fn of(server: &AuthorizationServer, configuration: &Configuration) -> Self {
        let redirect_uri = configuration.policy.public_url.redirect_uri();
        let mut extra = server.extra_parameters.clone();
        if server.scopes.ask_for_identity() {
            extra.push(("prompt".to_owned(), "none".to_owned()));
        }
        let request = AuthorizationRequest {
            client_id: server.client_id.clone(),
            redirect_uri: redirect_uri.clone(),
            scopes: server.scopes.clone(),
            state: State::fresh(&OsEntropy),
            nonce: Nonce::fresh(&OsEntropy),
            code_challenge: PkceVerifier::fresh(&OsEntropy).challenge(),
            extra,
        };
        Self {
            url: request.to_url(&server.authorization_endpoint),
            redirect_uri: redirect_uri.as_str().to_owned(),
        }
    }

    /// A provider that sends the browser back, be it with an error, accepts the redirect URI; one that shows a page of its own
    /// instead mostly says why not.
    fn judge(&self, answer: &Answer) -> Vec<(&'static str, Outcome)> {
        let accepted = || ("redirect_uri", Outcome::good(format!("{} is registered", self.redirect_uri)));
        if let Some(location) = &answer.location
            && location.starts_with(&self.redirect_uri)
        {
            let error = Url::parse(location).ok().and_then(|url| {
                url.query_pairs().find(|(name, _)| name == "error").map(|(_, error)| error.into_owned())
            });
            let scopes = match error.as_deref() {
                Some("invalid_scope") => Outcome::bad(
                    "it refuses a scope that is asked for",
                    "ask for fewer scopes, or allow them for this client at the provider",
                ),
                Some("unauthorized_client") => Outcome::bad(
                    "it does not let this client sign people in with a code",
                    "allow the authorization code flow (Standard flow) for the client at the provider",
                ),
                Some("redirect_uri_mismatch") => {
                    return vec![(
                        "redirect_uri",
                        self.not_registered("register it, character by character"),
                    )];
                }
                _ => Outcome::good("accepted"),
            };
            return vec![accepted(), ("scopes", scopes)];
        }
        let known = PAGES.iter().find(|(words, _)| answer.body.contains(words));
        match known {
            Some((words, remedy)) => {
                let problem = format!("the provider shows an error page ({words}) for {}", self.redirect_uri);
                vec![("redirect_uri", Outcome::bad(problem, *remedy))]
            }
            None if answer.status >= 400 => vec![(
                "redirect_uri",
                Outcome::bad(
                    format!(
                        "the provider answers {} to a sign-in that comes back to {}",
                        answer.status, self.redirect_uri
                    ),
                    "register this redirect URI and compare the client id; open the sign-in page in a browser to see the provider's words",
                ),
            )],
            None => vec![(
                "redirect_uri",
                Outcome::unknown(format!(
                    "the provider shows a page first, so it cannot be seen from here whether {} is registered",
                    self.redirect_uri
                )),
            )],
        }
    }

    fn not_registered(&self, remedy: &str) -> Outcome {
        Outcome::bad(format!("{} is not registered", self.redirect_uri), remedy)
    }
}

/// Sends a code that nobody gave out: a provider that knows the client refuses the code, any other the client.
async fn client(
    provider: &dyn IdentityProvider,
    server: &AuthorizationServer,
    configuration: &Configuration,
    clock: &Arc<dyn Clock>,
) -> Outcome {
    let redemption = CodeRedemption {
        code: AuthorizationCode::fresh(&OsEntropy),
        verifier: PkceVerifier::fresh(&OsEntropy),
        nonce: Nonce::fresh(&OsEntropy),
        redirect_uri: configuration.policy.public_url.redirect_uri(),
        issuer: server.issuer.clone(),
        started_at: clock.now(),
    };
    match provider.redeem(redemption).await {
        Err(ProviderError::CodeRejected(_)) => Outcome::good("its id and secret are accepted"),
        Err(ProviderError::Unavailable { call: ProviderCall::Token, reason }) => Outcome::unknown(format!(
            "the token endpoint refuses a made-up code in a way that says nothing about the secret: {reason}"
        )),
        Err(error) => of_error(&error),
        Ok(_) => Outcome::bad(
            "the provider accepts a code that it never gave out",
            "use another provider: whoever can reach this one can sign in as anybody",
        ),
    }
}

fn of_error(error: &ProviderError) -> Outcome {
    let code = labgate_domain::error::SignInError::from(error.clone()).code();
    let remedy = match error {
        ProviderError::Unavailable { call: ProviderCall::Discovery, .. } => {
            "compare the URLs; see whether this machine reaches the provider (name, proxy, firewall, certificate)"
        }
        ProviderError::Unavailable { call: ProviderCall::Jwks, .. } => {
            "the provider publishes no keys that can be used: see its log, and whether something in between changes its answers"
        }
        ProviderError::TokenError { code: TokenErrorCode::UnauthorizedClient, .. } => {
            "allow the authorization code flow for the client, and compare id and secret"
        }
        _ => code.for_operator(),
    };
    Outcome::bad(error.to_string(), remedy)
}

/// Compares the provider's clock with ours.
fn clocks(answer: &Answer, now: Timestamp) -> Outcome {
    let stated = answer.date.as_deref().and_then(|date| httpdate::parse_http_date(date).ok());
    let stated = stated.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let Some(theirs) = stated.and_then(|since| i64::try_from(since.as_secs()).ok()) else {
        return Outcome::unknown("it does not say what time it is");
    };
    let apart = now.as_unix_seconds() - theirs;
    if apart.abs() <= SKEW {
        return Outcome::good(format!("{} s apart", apart.abs()));
    }
    let side = if apart > 0 { "ahead of" } else { "behind" };
    Outcome::bad(
        format!("this machine is {} s {side} the provider", apart.abs()),
        "let both machines set their clocks by NTP: identity tokens would count as expired or from the future",
    )
}

fn host(url: &Url) -> String {
    ForeignText::new(&url.origin().ascii_serialization()).to_string()
}
