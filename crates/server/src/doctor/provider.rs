//! One provider: its metadata and keys, the redirect URI, the scopes, the client's secret, the clocks.

use std::sync::Arc;

use labgate_domain::ports::{CallFailure, CodeRedemption, IdentityProvider, ProviderCall, ProviderError};
use labgate_domain::protocol::{AuthorizationCode, Nonce, PkceVerifier, TokenErrorCode};
use labgate_domain::provider::AuthorizationServer;
use labgate_domain::public_url::is_loopback;
use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock;
use labgate_provider::{About, Kind, Pkce, ProviderSettings, Published, published};
use url::Url;

use super::authorization::Probe;
use super::http::{Answer, Http};
use super::{Outcome, Step};
use crate::configuration::Configuration;
use crate::remedies;
use crate::world::OsEntropy;

/// The accepted clock skew in seconds: the leeway for ID tokens.
const SKEW: i64 = 60;

/// The remedy for a certificate that is not trusted.
const CERTIFICATE: &str = "the certificate must be in date, for the host's name, and signed by an authority that this machine trusts: SSL_CERT_FILE \
                           names a bundle of others";

pub(super) async fn examine(
    settings: &ProviderSettings,
    configuration: &Configuration,
    clock: &Arc<dyn Clock>,
    http: &Http,
    mut found: impl FnMut(Step, Outcome),
) {
    let provider = match labgate_provider::provider(settings.clone(), Arc::clone(clock)) {
        Ok(provider) => provider,
        Err(error) => {
            found(Step::Settings, Outcome::bad(error.to_string(), "correct the settings of this provider"));
            return;
        }
    };
    let published = match published(settings).await {
        Ok(published) => published,
        Err(error) => {
            let (step, outcome) = of_error(Step::Metadata, &error);
            found(step, outcome);
            return;
        }
    };
    let kind = published.as_ref().map_or_else(|| settings.kind(), |published| published.kind);
    let has_pkce = published.as_ref().is_none_or(|published| published.pkce != Pkce::Excluded);
    let server = if has_pkce { Some(provider.authorization_server().await) } else { None };
    if let Some(Ok(server)) = &server {
        let document = match &published {
            Some(published) => format!("{} names both endpoints", published.document),
            None => "GitHub, which publishes none".to_owned(),
        };
        found(Step::Metadata, Outcome::good(format!("{document}; the issuer is {}", server.issuer)));
    }
    for warning in published.iter().flat_map(|published| &published.warnings) {
        found(Step::Settings, Outcome::unknown(format!("it works, but {warning}")));
    }
    for outcome in published.iter().flat_map(rules) {
        found(Step::Settings, outcome);
    }
    let mut has_keys = true;
    if let Some(published) = &published {
        has_keys = keys(published, &mut found);
        found(Step::Pkce, pkce(published.pkce));
    }
    let server = match server {
        None => return,
        Some(Ok(server)) => server,
        Some(Err(error)) => {
            let (step, outcome) = of_error(Step::Metadata, &error);
            found(step, outcome);
            return;
        }
    };

    let redirect_uri = configuration.policy.public_url.redirect_uri();
    let probe = Probe::of(&server, &redirect_uri, kind);
    let mut is_reached = false;
    match http.get(&probe.url, &[]).await {
        Err(error) => {
            let place = probe.url.origin().ascii_serialization();
            let problem =
                format!("the authorization endpoint at {place} cannot be reached: {}", error.detail());
            let (step, remedy) = if error.cause() == CallFailure::Certificate {
                (Step::Tls, CERTIFICATE)
            } else {
                let remedy = "browsers need it, and this machine should reach it, too: compare auth_url";
                (Step::Authorization, remedy)
            };
            found(step, Outcome::bad(problem, remedy));
        }
        Ok(answer) => {
            is_reached = true;
            found(Step::Clock, clocks(&answer, clock.now()));
            for (step, outcome) in probe.judge(&answer) {
                found(step, outcome);
            }
        }
    }
    let (step, outcome) = if has_keys {
        client(&*provider, kind, &server, configuration, clock).await
    } else {
        (Step::Client, Outcome::unknown("id and secret are not tried before the provider's keys can be had"))
    };
    if is_reached && step != Step::Tls {
        found(Step::Tls, tls(&server, published.as_ref()));
    }
    found(step, outcome);
}

/// The rules that keep out more people than they say.
fn rules(published: &Published) -> impl Iterator<Item = Outcome> {
    let never = published.rules_without_claim.iter().map(|criterion| {
        Outcome::bad(
            format!(
                "the rule about {} keeps everybody out: this provider says nothing about them",
                criterion.as_str()
            ),
            "take the rule away; or say which provider it is (kind), if it is one that does",
        )
    });
    let unasked = published.lacks_scope_for_groups.then(|| {
        Outcome::bad(
            "groups matter to the settings, and are not asked for: this provider names them by the scope groups",
            "add groups to the scopes: LAB_EXTERNAL_OIDC_SCOPES=\"openid profile email groups\"",
        )
    });
    never.chain(unasked)
}

/// Tells whether there are keys.
fn keys(published: &Published, found: &mut impl FnMut(Step, Outcome)) -> bool {
    let algorithms = match &published.algorithms_of_keys {
        Ok(algorithms) => algorithms,
        Err(error) => {
            let (step, outcome) = of_error(Step::Keys, error);
            found(step, outcome);
            return false;
        }
    };
    found(
        Step::Keys,
        Outcome::good(format!("{} has keys for {}", published.jwks_uri, algorithms.join(", "))),
    );
    let usable = published.usable_algorithms();
    let stated: Vec<&str> =
        published.stated_algorithms.iter().map(labgate_domain::ForeignText::as_str).collect();
    let outcome = if usable.is_empty() {
        Outcome::bad(
            format!(
                "it says that it signs ID tokens with {} only: none of these can be accepted with its keys",
                stated.join(", ")
            ),
            "let the provider sign this client's ID tokens with RS256 or ES256; none and HS256 are never accepted",
        )
    } else {
        Outcome::good(format!("ID tokens may be signed with {}", usable.join(", ")))
    };
    found(Step::Algorithms, outcome);
    true
}

fn pkce(pkce: Pkce) -> Outcome {
    match pkce {
        Pkce::Stated => Outcome::good("S256 is supported"),
        Pkce::Unsaid => Outcome::unknown(
            "the provider does not say whether it supports PKCE; Labgate uses it in any case, and Entra and Cognito, which say \
             nothing, do, too",
        ),
        Pkce::Excluded => Outcome::bad(
            "the provider says that it does not support PKCE with S256, which Labgate always uses",
            "switch S256 on at the provider, or update it",
        ),
    }
}

/// Whatever was asked by now has shown a certificate that was accepted; what is left is whether all of them
/// had to.
fn tls(server: &AuthorizationServer, published: Option<&Published>) -> Outcome {
    let of_documents =
        published.into_iter().flat_map(|it| [it.document.url(), it.jwks_uri.url(), it.token_endpoint.url()]);
    let urls: Vec<&Url> = of_documents.chain([&server.authorization_endpoint]).collect();
    let plain: Vec<&&Url> = urls.iter().filter(|url| url.scheme() != "https").collect();
    match plain.iter().find(|url| !is_loopback(url)) {
        None if plain.is_empty() => Outcome::good("https everywhere, and the certificates are trusted"),
        None => Outcome::good("plain http, which does not leave this machine"),
        Some(url) => Outcome::unknown(format!(
            "plain http to {}: whoever can listen on that network reads the client secret. See that nobody can, or use https",
            url.origin().ascii_serialization()
        )),
    }
}

/// Sends a made-up code: a provider that knows the client rejects the code, any other the client.
async fn client(
    provider: &dyn IdentityProvider,
    kind: &Kind,
    server: &AuthorizationServer,
    configuration: &Configuration,
    clock: &Arc<dyn Clock>,
) -> (Step, Outcome) {
    let redemption = CodeRedemption {
        code: AuthorizationCode::fresh(&OsEntropy),
        verifier: PkceVerifier::fresh(&OsEntropy),
        nonce: Nonce::fresh(&OsEntropy),
        redirect_uri: configuration.policy.public_url.redirect_uri(),
        issuer: server.issuer.clone(),
        started_at: clock.now(),
    };
    let outcome = match provider.redeem(redemption).await {
        Err(ProviderError::CodeRejected(_)) => {
            Outcome::good("id and secret are accepted: of a made-up code, only the code is refused")
        }
        Err(error) => return of_token_error(kind, &error),
        Ok(_) => Outcome::bad(
            "the provider accepts a code that it never gave out",
            "use another provider: whoever can reach this one can sign in as anybody",
        ),
    };
    (Step::Client, outcome)
}

/// The meaning of the token endpoint's answer to a made-up code, other than that it is rejected.
pub(super) fn of_token_error(kind: &Kind, error: &ProviderError) -> (Step, Outcome) {
    let words = error.to_string();
    if let Some(explanation) = kind.explain(&words) {
        let step = if explanation.about == About::RedirectUri { Step::RedirectUri } else { Step::Client };
        return (step, Outcome::bad(words, explanation.sentence));
    }
    match error {
        ProviderError::Unavailable { call: ProviderCall::Token, cause, .. }
            if *cause != CallFailure::Certificate =>
        {
            let text =
                format!("{words}; so nothing is known of the client's id and secret. See the provider's log");
            (Step::Client, Outcome::unknown(text))
        }
        _ => of_error(Step::Client, error),
    }
}

/// The meaning of an error without a provider message, at this step unless it is about a certificate.
fn of_error(step: Step, error: &ProviderError) -> (Step, Outcome) {
    let words = error.to_string();
    if matches!(error, ProviderError::Unavailable { cause: CallFailure::Certificate, .. }) {
        return (Step::Tls, Outcome::bad(words, CERTIFICATE));
    }
    let remedy = match error {
        ProviderError::Unavailable { call: ProviderCall::Discovery, .. } => {
            "compare the URLs; see whether this machine reaches the provider (name, proxy, firewall)"
        }
        ProviderError::Unavailable { call: ProviderCall::Jwks, .. } => {
            "the provider publishes no keys that can be used: see its log, and whether something in between changes its answers"
        }
        ProviderError::Misconfigured(_) => {
            "correct the setting that is named, or what the provider publishes"
        }
        ProviderError::TokenError { code: TokenErrorCode::InvalidRequest, .. } => {
            "see that token_url is the token endpoint and that no proxy changes the body; the provider's log says more"
        }
        _ => remedies::remedy(error.code()),
    };
    (step, Outcome::bad(words, remedy))
}

/// Compares the provider's clock with ours.
fn clocks(answer: &Answer, now: Timestamp) -> Outcome {
    let stated = answer.date.as_deref().and_then(|date| httpdate::parse_http_date(date).ok());
    let stated = stated.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let Some(theirs) = stated.and_then(|since| i64::try_from(since.as_secs()).ok()) else {
        return Outcome::unknown(
            "the provider does not say what time it is: see that this machine sets its clock by NTP",
        );
    };
    let apart = now.as_unix_seconds() - theirs;
    if apart.abs() <= SKEW {
        return Outcome::good(format!("{} s apart", apart.abs()));
    }
    let side = if apart > 0 { "ahead of" } else { "behind" };
    Outcome::bad(
        format!("this machine is {} s {side} the provider", apart.abs()),
        "let both machines set their clocks by NTP: ID tokens would count as expired or from the future",
    )
}
