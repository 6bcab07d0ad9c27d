//! One provider: its metadata and keys, the redirect URI, the scopes, the client's secret, the clocks.

use std::sync::Arc;

use labgate_domain::ForeignText;
use labgate_domain::ports::{CallFailure, CodeRedemption, IdentityProvider, ProviderCall, ProviderError};
use labgate_domain::protocol::{AuthorizationCode, Nonce, PkceVerifier, TokenErrorCode};
use labgate_domain::provider::AuthorizationServer;
use labgate_domain::public_url::is_loopback;
use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock;
use labgate_provider::{About, ClientAuth, Kind, Pkce, ProviderSettings, Published, published};
use url::Url;

use super::authorization::Probe;
use super::finding::Outcome;
use super::http::{Answer, Http};
use super::logout;
use super::step::Step;
use crate::configuration::Configuration;
use crate::remedies::remedy;
use crate::world::OsEntropy;

/// The accepted clock skew in seconds: the leeway for ID tokens.
const SKEW: i64 = 60;

pub(super) async fn examine(
    settings: &ProviderSettings,
    configuration: &Configuration,
    clock: &Arc<dyn Clock>,
    http: &Http,
    mut found: impl FnMut((Step, Outcome)),
) {
    let provider = match labgate_provider::provider(settings.clone(), Arc::clone(clock)) {
        Ok(provider) => provider,
        Err(error) => return found((Step::Settings, Outcome::of("settings", &[("error", &error)]))),
    };
    let published = match published(settings).await {
        Ok(published) => published,
        Err(error) => return found(of_error(Step::Metadata, &error)),
    };
    let kind = published.as_ref().map_or_else(|| settings.kind(), |published| published.kind);
    let has_pkce = published.as_ref().is_none_or(|published| published.pkce != Pkce::Excluded);
    let server = if has_pkce { Some(provider.authorization_server().await) } else { None };
    if let Some(Ok(AuthorizationServer { issuer, .. })) = &server {
        let outcome = match &published {
            Some(Published { document, .. }) => {
                Outcome::of("metadata", &[("document", document), ("issuer", issuer)])
            }
            None => Outcome::of("metadata_of_github", &[("issuer", issuer)]),
        };
        found((Step::Metadata, outcome));
    }
    published.iter().flat_map(of_documents).for_each(&mut found);
    let server = match server {
        None => return,
        Some(Ok(server)) => server,
        Some(Err(error)) => return found(of_error(Step::Metadata, &error)),
    };

    let redirect_uri = configuration.policy.public_url.redirect_uri();
    let mut probe = Probe::of(&server, &redirect_uri, kind);
    if server.pushes_requests {
        match provider.push(&probe.request).await {
            Ok(uri) => probe.url = probe.request.pushed_url(&server.authorization_endpoint, &uri),
            Err(error) => return found(of_token_error(kind, &error)),
        }
    }
    let mut is_reached = false;
    let mut answer = http.get_of(settings, &probe.url, "").await;
    if answer.as_ref().is_ok_and(|answer| probe.fails(answer)) {
        answer = http.get_of(settings, &probe.as_a_sign_in, "").await;
    }
    // Dex checks nothing before its second page.
    let next = answer.as_ref().ok().and_then(|answer| probe.next_page(answer));
    let cookies = answer.as_ref().map(Answer::cookie_header).unwrap_or_default();
    if let Some(next) = next
        && let Ok(further) = http.get_of(settings, &next, &cookies).await
        && probe.tells(&further)
    {
        answer = Ok(further);
    }
    match answer {
        Err(error) => {
            let place = probe.url.origin().ascii_serialization();
            let words =
                format!("the authorization endpoint at {place} cannot be reached: {}", error.detail());
            found(if error.cause() == CallFailure::Certificate {
                (Step::Tls, Outcome::of("certificate", &[("error", &words)]))
            } else {
                (Step::Authorization, Outcome::of("authorization_unreachable", &[("error", &words)]))
            });
        }
        Ok(answer) => {
            is_reached = true;
            found((Step::Clock, clocks(&answer, clock.now())));
            probe.judge(&answer).into_iter().for_each(&mut found);
        }
    }
    let has_keys = published.as_ref().is_none_or(|published| published.algorithms_of_keys.is_ok());
    let (step, outcome) = if has_keys {
        client(&*provider, settings, kind, &server, configuration, clock).await
    } else {
        (Step::Client, Outcome::of("client_untried", &[]))
    };
    if is_reached && step != Step::Tls {
        found((Step::Tls, tls(&server, published.as_ref())));
    }
    found((step, outcome));
    if let Some(outcome) = logout::examine(&server, &configuration.policy.public_url, settings, http).await {
        found((Step::Logout, outcome));
    }
}

/// The findings about what the provider publishes, apart from its metadata as a whole.
fn of_documents(published: &Published) -> Vec<(Step, Outcome)> {
    let warnings = published.warnings.iter();
    let warnings = warnings.map(|warning| Outcome::of("settings_warning", &[("warning", warning)]));
    // Rules that keep out more people than they say.
    let without_claim = published.rules_without_claim.iter();
    let without_claim = without_claim
        .map(|criterion| Outcome::of("rule_without_claim", &[("criterion", &criterion.as_str())]));
    let without_scope = published.lacks_scope_for_groups.then(|| Outcome::of("groups_without_scope", &[]));
    let about_settings = warnings.chain(without_claim).chain(without_scope);
    let mut found: Vec<_> = about_settings.map(|outcome| (Step::Settings, outcome)).collect();
    match &published.algorithms_of_keys {
        Err(error) => found.push(of_error(Step::Keys, error)),
        Ok(of_keys) => {
            let of_keys = of_keys.join(", ");
            let keys = Outcome::of("keys", &[("jwks_uri", &published.jwks_uri), ("algorithms", &of_keys)]);
            found.extend([(Step::Keys, keys), (Step::Algorithms, algorithms(published))]);
        }
    }
    let pkce = match published.pkce {
        Pkce::Stated => Outcome::of("pkce", &[]),
        Pkce::Unsaid => Outcome::of("pkce_unsaid", &[]),
        Pkce::Excluded => Outcome::of("pkce_excluded", &[]),
    };
    found.push((Step::Pkce, pkce));
    found
}

fn algorithms(published: &Published) -> Outcome {
    let usable = published.usable_algorithms();
    if usable.is_empty() {
        let stated: Vec<&str> = published.stated_algorithms.iter().map(ForeignText::as_str).collect();
        Outcome::of("algorithms_unusable", &[("stated", &stated.join(", "))])
    } else {
        Outcome::of("algorithms", &[("usable", &usable.join(", "))])
    }
}

/// Whatever was asked by now has shown a certificate that was accepted; what is left is whether all of them
/// had to.
fn tls(server: &AuthorizationServer, published: Option<&Published>) -> Outcome {
    let of_documents =
        published.into_iter().flat_map(|it| [it.document.url(), it.jwks_uri.url(), it.token_endpoint.url()]);
    let urls = of_documents.chain([&server.authorization_endpoint]);
    let plain: Vec<&Url> = urls.filter(|url| url.scheme() != "https").collect();
    match plain.iter().find(|url| !is_loopback(url)) {
        None if plain.is_empty() => Outcome::of("https", &[]),
        None => Outcome::of("plain_http_here", &[]),
        Some(url) => Outcome::of("plain_http", &[("place", &url.origin().ascii_serialization())]),
    }
}

/// Sends a made-up code: a provider that knows the client rejects the code, any other the client. Of one that
/// rejects the code whatever the secret is, nothing is known.
async fn client(
    provider: &dyn IdentityProvider,
    settings: &ProviderSettings,
    kind: &Kind,
    server: &AuthorizationServer,
    configuration: &Configuration,
    clock: &Arc<dyn Clock>,
) -> (Step, Outcome) {
    let redemption = || CodeRedemption {
        code: AuthorizationCode::fresh(&OsEntropy),
        verifier: PkceVerifier::fresh(&OsEntropy),
        nonce: Nonce::fresh(&OsEntropy),
        redirect_uri: configuration.policy.public_url.redirect_uri(),
        issuer: server.issuer.clone(),
        started_at: clock.now(),
    };
    let made_up_secret = || AuthorizationCode::fresh(&OsEntropy).as_str().into();
    let error_with = async |other: ProviderSettings| {
        let other = labgate_provider::provider(other, Arc::clone(clock)).ok()?;
        other.redeem(redemption()).await.err()
    };
    match provider.redeem(redemption()).await {
        Err(ProviderError::CodeRejected(_)) if settings.client_secret().is_none() => {
            (Step::Client, Outcome::of("client_unproven", &[]))
        }
        Err(ProviderError::CodeRejected(_)) => {
            let outcome = match error_with(settings.clone().with_client_secret(made_up_secret())).await {
                Some(ProviderError::CodeRejected(_)) => Outcome::of("client_indistinct", &[]),
                None | Some(ProviderError::Unavailable { .. }) => Outcome::of("client_unproven", &[]),
                Some(_) => Outcome::of("client", &[]),
            };
            (Step::Client, outcome)
        }
        Err(error @ ProviderError::ClientRejected(_)) if settings.client_secret().is_some() => {
            for method in [ClientAuth::SecretBasic, ClientAuth::SecretPost] {
                let tried = settings.clone().with_client_auth(method);
                let control = tried.clone().with_client_secret(made_up_secret());
                if matches!(error_with(tried).await, Some(ProviderError::CodeRejected(_)))
                    && matches!(error_with(control).await, Some(ProviderError::ClientRejected(_)))
                {
                    let method = method.as_str();
                    let outcome = Outcome::of("client_auth", &[("error", &error), ("method", &method)]);
                    return (Step::Client, outcome);
                }
            }
            of_token_error(kind, &error)
        }
        // All of these come with a token response.
        Ok(_)
        | Err(ProviderError::IdToken(_) | ProviderError::IdTokenMissing | ProviderError::UserInfo(_)) => {
            (Step::Client, Outcome::of("code_accepted", &[]))
        }
        Err(error) => of_token_error(kind, &error),
    }
}

/// The meaning of the token endpoint's answer to a made-up code, other than that it is rejected.
pub(super) fn of_token_error(kind: &Kind, error: &ProviderError) -> (Step, Outcome) {
    let problem = error.to_string();
    if let Some(explanation) = kind.explain(&problem) {
        let step = if explanation.about == About::RedirectUri { Step::RedirectUri } else { Step::Client };
        return (step, Outcome::Bad { problem, remedy: explanation.sentence.to_owned() });
    }
    match error {
        ProviderError::Unavailable { call: ProviderCall::Token, cause, .. }
            if *cause != CallFailure::Certificate =>
        {
            (Step::Client, Outcome::of("client_unknown", &[("error", error)]))
        }
        _ => of_error(Step::Client, error),
    }
}

/// The meaning of an error without a provider message, at this step unless it is about a certificate.
fn of_error(step: Step, error: &ProviderError) -> (Step, Outcome) {
    let outcome = match error {
        ProviderError::Unavailable { cause: CallFailure::Certificate, .. } => {
            return (Step::Tls, Outcome::of("certificate", &[("error", error)]));
        }
        ProviderError::Unavailable { call: ProviderCall::Discovery, .. } => {
            Outcome::of("discovery_failed", &[("error", error)])
        }
        ProviderError::Unavailable { call: ProviderCall::Jwks, .. } => {
            Outcome::of("keys_failed", &[("error", error)])
        }
        ProviderError::Misconfigured(_) => Outcome::of("misconfigured", &[("error", error)]),
        ProviderError::TokenError { code: TokenErrorCode::InvalidRequest, .. } => {
            Outcome::of("invalid_token_request", &[("error", error)])
        }
        _ => Outcome::Bad { problem: error.to_string(), remedy: remedy(error.code()).to_owned() },
    };
    (step, outcome)
}

/// Compares the provider's clock with ours.
fn clocks(answer: &Answer, now: Timestamp) -> Outcome {
    let stated = answer.date.as_deref().and_then(|date| httpdate::parse_http_date(date).ok());
    let stated = stated.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let Some(theirs) = stated.and_then(|since| i64::try_from(since.as_secs()).ok()) else {
        return Outcome::of("clock_unknown", &[]);
    };
    let apart = now.as_unix_seconds() - theirs;
    let seconds = apart.abs();
    if seconds <= SKEW {
        return Outcome::of("clock", &[("seconds", &seconds)]);
    }
    let side = if apart > 0 { "ahead of" } else { "behind" };
    Outcome::of("clock_apart", &[("seconds", &seconds), ("side", &side)])
}
